"""What a comparison needs of a group of customers: counts, means and squares, not the customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

#: Below so many customers who did anything, a minority of their arm, an arm's own variance moves
#: with its mean: an arm that by chance bought little also looks as if it varied little.
SPARSE: Final = 400


@dataclass(frozen=True, slots=True)
class Moments:
    """One arm: how many customers, and the means and central sums of their outcome and covariate.

    ``outcome`` is what is measured after the start (cents, or 0 and 1), ``before`` the same
    customers' figure before it. ``outcome_squares`` is the sum of squared deviations from the
    mean, ``products`` the sum of the products of both deviations; ``active`` customers did anything
    at all (their outcome is not 0). Arms of disjoint customers add.
    """

    count: int
    outcome: float = 0.0
    before: float = 0.0
    outcome_squares: float = 0.0
    before_squares: float = 0.0
    products: float = 0.0
    active: int = 0

    @classmethod
    def of(cls, outcome: np.ndarray, before: np.ndarray | None = None) -> Moments:
        """The moments of one value per customer; ``before`` None: nothing is known of before."""
        count = len(outcome)
        if count == 0:
            return cls(0)
        y = np.asarray(outcome, dtype=np.float64)
        x = np.zeros(count) if before is None else np.asarray(before, dtype=np.float64)
        y_mean, x_mean, active = float(y.mean()), float(x.mean()), int(np.count_nonzero(y))
        y, x = y - y_mean, x - x_mean
        return cls(count, y_mean, x_mean, float(y @ y), float(x @ x), float(y @ x), active)

    def __add__(self, other: Moments) -> Moments:
        """Both groups as one (Chan, Golub and LeVeque 1979, "Updating formulae")."""
        count = self.count + other.count
        if not (self.count and other.count):
            return other if other.count else self
        weight = self.count * other.count / count
        dy, dx = other.outcome - self.outcome, other.before - self.before
        return Moments(
            count,
            self.outcome + dy * other.count / count,
            self.before + dx * other.count / count,
            self.outcome_squares + other.outcome_squares + dy * dy * weight,
            self.before_squares + other.before_squares + dx * dx * weight,
            self.products + other.products + dx * dy * weight,
            self.active + other.active,
        )

    @property
    def is_sparse(self) -> bool:
        """Whether so few did anything that their own variance says little (``SPARSE``)."""
        return self.active < min(SPARSE, self.count / 2)

    def squares(self, theta: float = 0.0) -> float:
        """Sum of squared deviations of ``outcome - theta x before``."""
        squares = self.outcome_squares - 2 * theta * self.products + theta**2 * self.before_squares
        return max(0.0, squares)

    def variance(self, theta: float = 0.0) -> float:
        """Sample variance of ``outcome - theta x before``; needs two customers."""
        return self.squares(theta) / (self.count - 1)
