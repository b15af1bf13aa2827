"""Gamma-Gamma: what a purchase of a customer is worth, from what his purchases were worth.

Peter Fader and Bruce Hardie, "The Gamma-Gamma Model of Monetary Value" (2013). A customer's
purchases vary around a mean of his own, and the means vary among customers; few purchases say
little, so his expected value lies between his own average and everybody's. How much somebody buys
for is taken to be independent of how often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from segmind.predictions.histories import Floats, Ints, numbered

_BOUND: Final = 14.0
_START: Final = (2.0, 2.0)


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The model with its parameters: ``p`` and ``gamma`` above 0, ``q`` above 1 (else the shop
    would have no mean); ``gamma`` in minor units."""

    p: float
    q: float
    gamma: float

    @property
    def mean(self) -> float:
        """What a purchase of somebody unknown is worth, in minor units."""
        return self.p * self.gamma / (self.q - 1)

    def expected(self, purchases: Floats, spent: Floats) -> Floats:
        """What the next purchase is worth, given what all ``purchases`` were worth together
        (equation 5). Spent less than nothing counts as nothing."""
        worth: Floats = self.p * (self.gamma + np.maximum(spent, 0))
        return worth / (self.p * purchases + self.q - 1)

    def log_likelihood(self, purchases: Ints, spent: Ints) -> float:
        """The logarithm of the density of these customers' average purchases (equation 1a)."""
        parameters = np.array([self.p, self.q, self.gamma])
        value, _ = _log_likelihood(parameters, _Kinds.of(purchases, spent))
        return value

    @classmethod
    def fitted(cls, purchases: Ints, spent: Ints) -> Self:
        """The model under which these averages are the likeliest; all have spent something."""
        from scipy.optimize import minimize  # half a second that only learning needs

        kinds = _Kinds.of(purchases, spent)
        size = float(kinds.weight.sum())
        mean = float((kinds.weight @ kinds.total) / (kinds.weight @ kinds.x))

        def worse(at: Floats) -> tuple[float, Floats]:
            p, above_one, gamma = np.exp(at)
            value, (by_p, by_q, by_gamma) = _log_likelihood(
                np.array([p, 1 + above_one, gamma]), kinds
            )
            slope = np.array([by_p * p, by_q * above_one, by_gamma * gamma])
            return -value / size, -slope / size

        p, q = _START
        begin = np.log((p, q - 1, mean * (q - 1) / p))
        bounds = [(-_BOUND, _BOUND), (-_BOUND, _BOUND), (-_BOUND, begin[2] + _BOUND)]
        found = minimize(
            worse,
            begin,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 2_000, "ftol": 1e-13, "gtol": 1e-8},
        )
        p, above_one, gamma = (float(each) for each in np.exp(found.x))
        return cls(p, 1 + above_one, gamma)


@dataclass(frozen=True, eq=False)
class _Kinds:
    """Different (purchases, spent) and how many customers have each: prices repeat."""

    x: Floats
    total: Floats
    weight: Floats

    @classmethod
    def of(cls, purchases: Ints, spent: Ints) -> _Kinds:
        order = np.lexsort((spent, purchases))
        x, total = purchases[order], spent[order]
        is_new = np.ones(x.size, np.bool_)
        is_new[1:] = (x[1:] != x[:-1]) | (total[1:] != total[:-1])
        first = np.flatnonzero(is_new)
        weight = np.diff(first, append=x.size)
        return cls(x[first].astype(float), total[first].astype(float), weight.astype(float))

    @cached_property
    def log_total(self) -> Floats:
        return np.log(self.total)

    @cached_property
    def numbers(self) -> tuple[Floats, NDArray[np.integer[Any]]]:
        return numbered(self.x)


def _log_likelihood(parameters: Floats, kinds: _Kinds) -> tuple[float, Floats]:
    """Equation 1a, summed, in terms of the total x z, and its derivatives by p, q and gamma."""
    x, total, w = kinds.x, kinds.total, kinds.weight
    p, q, gamma = (float(each) for each in parameters)
    gammaln, psi = scipy.special.gammaln, scipy.special.psi
    # What depends on the number of purchases alone is worked out once for each number.
    n, of = kinds.numbers
    log_total, log_whole = kinds.log_total, np.log(gamma + total)
    counted = gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(gamma) + np.log(n)
    value = counted[of] + (p * x - 1) * log_total - (p * x + q) * log_whole
    both = psi(p * n + q)
    gradient = (
        x * ((both - psi(p * n))[of] + log_total - log_whole),
        (both - psi(q) + np.log(gamma))[of] - log_whole,
        q / gamma - (p * x + q) / (gamma + total),
    )
    return float(w @ value), np.array([float(w @ each) for each in gradient])
