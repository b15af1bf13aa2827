"""The shop's model of one day: what it says of every customer who ever bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Self

import numpy as np

from segmind.predictions.bg_nbd import BgNbd
from segmind.predictions.gamma_gamma import GammaGamma
from segmind.predictions.histories import Floats, Histories, Ints

#: How far ahead predictions look where nothing else is said, in days.
HORIZON: Final = 90
#: With fewer customers who came back there is nothing to learn a model from.
LEAST_RETURNED: Final = 50


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected of each customer: ``alive`` 0 to 1; ``orders``, days with an order in the
    horizon; ``value``, what those are worth, in minor units. None: it cannot be told of anybody."""

    alive: Floats | None = None
    orders: Floats | None = None
    value: Ints | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """Fitted to all purchases before ``as_of``, the beginning of ``day`` in the workspace's zone.

    ``spending`` is None where amounts tell nothing: several currencies, or too few. ``customers``
    had bought by then, ``returned`` of them on another day as well. ``correlation``: of number and
    average value of purchases, which Gamma-Gamma takes to be none.
    """

    day: date
    as_of: datetime
    buying: BgNbd
    spending: GammaGamma | None
    customers: int
    returned: int
    log_likelihood: float
    correlation: float | None

    @classmethod
    def fitted(
        cls, day: date, as_of: datetime, histories: Histories, *, with_money: bool = True
    ) -> Self | None:
        """The likeliest model; None where fewer than ``LEAST_RETURNED`` customers came back."""
        returned = int(np.count_nonzero(histories.purchases > 1))
        if returned < LEAST_RETURNED:
            return None
        kinds = histories.kinds
        buying = BgNbd.fitted(kinds)
        paid = histories.spent > 0
        spending, correlation = None, None
        if with_money and np.count_nonzero(paid & (histories.purchases > 1)) >= LEAST_RETURNED:
            purchases, spent = histories.purchases[paid], histories.spent[paid]
            spending = GammaGamma.fitted(purchases, spent)
            correlation = _correlation(purchases, spent / purchases)
        likelihood = buying.log_likelihood(kinds)
        return cls(day, as_of, buying, spending, histories.size, returned, likelihood, correlation)

    def forecast(self, histories: Histories, days: float = HORIZON) -> Forecast:
        """What is expected of each customer in the ``days`` that follow the histories' moment."""
        kinds = histories.kinds
        history = (kinds.repeats, kinds.recency, kinds.age)
        orders = self.buying.expected(*history, days)[kinds.of_customer]
        return Forecast(
            alive=self.buying.alive(*history)[kinds.of_customer],
            orders=orders,
            value=self._value(histories, orders),
        )

    def _value(self, histories: Histories, orders: Floats) -> Ints | None:
        if self.spending is None:
            return None
        purchases, spent = (a.astype(float) for a in (histories.purchases, histories.spent))
        each = self.spending.expected(purchases, spent)
        return np.rint(orders * each).astype(np.int64)


def _correlation(purchases: Ints, average: Floats) -> float | None:
    """Pearson's; None where either does not vary."""
    more = purchases > 1
    x, z = purchases[more], average[more]
    if x.size < 2 or not x.std() or not z.std():
        return None
    return float(np.corrcoef(x, z)[0, 1])
