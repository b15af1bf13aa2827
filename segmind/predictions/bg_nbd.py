"""BG/NBD: how often customers buy while they are customers, and when they cease to be.

Peter Fader, Bruce Hardie and Ka Lok Lee, "'Counting Your Customers' the Easy Way: An Alternative to
the Pareto/NBD Model", Marketing Science 24 (2005); equations by their numbers there. While alive, a
customer buys at random at a rate of his own (Gamma(r, alpha) among customers); after each purchase
he leaves with a probability of his own (Beta(a, b)). Nobody leaves before his first repeat
purchase, so who bought once is alive for certain: a property of the model, not a finding.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final, Self

import numpy as np
import scipy  # its special functions are loaded when first asked for: 0.1 s of every start

from segmind.predictions.histories import Floats, Kinds

#: Logarithms of r, a and b (0.007 to 148) and of alpha are sought within these. Beyond, customers
#: are as good as equal, and the hypergeometric function of such parameters loses all digits.
_BOUND: Final = 5.0
_BOUND_ALPHA: Final = 14.0
_OF_SHAPE: Final = (-_BOUND, _BOUND)
#: Where the search begins, rates in units of the mean age: shops differ by less than these do.
_STARTS: Final = ((0.5, 0.3, 0.8, 2.5), (2.0, 1.0, 0.3, 1.0))
#: Equation 10 divides by a - 1; nearer to 1 than this, rounding would show.
_NEAR_ONE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The model with its parameters, all above 0; ``alpha`` in days."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, kinds: Kinds) -> float:
        """The logarithm of the probability of everything that these customers did (equation 6)."""
        value, _ = _log_likelihood(np.array(astuple(self)), kinds)
        return value

    def alive(self, repeats: Floats, recency: Floats, age: Floats) -> Floats:
        """The probability, 0 to 1, that a customer with this history is still one (equation 8)."""
        chance: Floats = scipy.special.expit(-self._log_odds_of_death(repeats, recency, age))
        return chance

    def expected(self, repeats: Floats, recency: Floats, age: Floats, days: float) -> Floats:
        """Purchases to be expected of each in the next ``days`` (equation 10)."""
        if days <= 0:
            return np.zeros(np.shape(age))
        alive = self.alive(repeats, recency, age)
        found: Floats = self._while_alive(repeats, age, days) * alive
        return found

    def expected_of_new(self, days: Floats) -> Floats:
        """Repeat purchases to be expected of a new customer in his first ``days`` (equation 9)."""
        none = np.zeros(np.shape(days))
        return self._while_alive(none, none, days)

    def _while_alive(self, repeats: Floats, age: Floats, days: float | Floats) -> Floats:
        # Equation 10 has 2F1(r + x, b + x; a + b + x - 1; z), whose terms grow beyond all doubles
        # for large x. Euler's transformation gives (1 - z)^(a - 1 - r - x) times the function of
        # parameters that x does not swell, and the power of 1 - z cancels against equation 10's.
        a = self.a if abs(self.a - 1) > _NEAR_ONE else 1 + _NEAR_ONE
        z = days / (self.alpha + age + days)
        whole = a + self.b + repeats - 1
        gauss = scipy.special.hyp2f1(whole - self.r - repeats, a - 1, whole, z)
        rest = (1 - z) ** (a - 1) * gauss
        expected: Floats = whole / (a - 1) * (1 - rest)
        return np.maximum(expected, 0.0)

    def _log_odds_of_death(self, repeats: Floats, recency: Floats, age: Floats) -> Floats:
        """Minus infinity without a repeat purchase."""
        has = repeats > 0
        x = np.where(has, repeats, 1.0)
        found = np.log(self.a) - np.log(self.b + x - 1)
        found += (self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + recency))
        return np.where(has, found, -np.inf)

    @classmethod
    def fitted(cls, kinds: Kinds) -> Self:
        """The model under which what these customers did is the likeliest.

        Found by L-BFGS-B over the logarithms of the parameters, with the exact gradient, from
        several starts, the best of which counts.
        """
        from scipy.optimize import minimize  # half a second that only learning needs

        scale = max(1.0, float(np.average(kinds.age, weights=kinds.weight)))
        size = float(kinds.weight.sum())

        def worse(logs: Floats) -> tuple[float, Floats]:
            parameters = np.exp(logs)
            value, gradient = _log_likelihood(parameters, kinds)
            return -value / size, -gradient * parameters / size

        found = [
            minimize(
                worse,
                np.log((r, alpha * scale, a, b)),
                jac=True,
                method="L-BFGS-B",
                bounds=[_OF_SHAPE, (-_BOUND_ALPHA, _BOUND_ALPHA), _OF_SHAPE, _OF_SHAPE],
                options={"maxiter": 2_000, "ftol": 1e-13, "gtol": 1e-8},
            )
            for r, alpha, a, b in _STARTS
        ]
        best = min(found, key=lambda each: float(each.fun))
        return cls(*(float(each) for each in np.exp(best.x)))


def _log_likelihood(parameters: Floats, kinds: Kinds) -> tuple[float, Floats]:
    """Equation 6, summed over customers, and its derivatives by r, alpha, a and b.

    Both terms of the last factor are kept as logarithms: the form that Hardie and Fader recommend.
    """
    r, alpha, a, b = (float(each) for each in parameters)
    gammaln, psi = scipy.special.gammaln, scipy.special.psi
    x, w = kinds.repeats, kinds.weight
    # What depends on the number of repeats alone is worked out once for each number.
    n, of = kinds.numbers
    has = x > 0
    after = np.where(n > 0, b + n - 1, 1.0)[of]
    late, last = np.log(alpha + kinds.age), np.log(alpha + kinds.recency)
    stayed = -(r + x) * late
    died = np.log(a) - np.log(after) - (r + x) * last
    both = np.where(has, np.logaddexp(stayed, died), stayed)
    share = np.where(has, np.exp(died - both), 0.0)  # of having left
    kept = 1 - share
    counted = gammaln(r + n) - gammaln(r) + r * np.log(alpha)
    counted += gammaln(a + b) + gammaln(b + n) - gammaln(b) - gammaln(a + b + n)
    by_both = psi(a + b) - psi(a + b + n)
    gradient = (
        (psi(r + n) - psi(r) + np.log(alpha))[of] - kept * late - share * last,
        r / alpha - (r + x) * (kept / (alpha + kinds.age) + share / (alpha + kinds.recency)),
        by_both[of] + share / a,
        (by_both + psi(b + n) - psi(b))[of] - share / after,
    )
    value = float(w @ (counted[of] + both))
    return value, np.array([float(w @ each) for each in gradient])
