"""The days on which customers bought, in order: what cohorts and gaps between purchases are of."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from segmind.analytics.customer_numbers import is_among
from segmind.customers.facts import Facts
from segmind.events.spans import Span
from segmind.events.vectors.order_days import customers_of, days_of

Ints = NDArray[np.int64]
_TICK: Final = timedelta(microseconds=1)
_KEPT: Final = 3


@dataclass(frozen=True, eq=False)
class PurchaseDays:
    """One place for each customer and calendar day with an order, by customer, then by day.

    ``pairs`` ascend and are packed as ``segmind.events.vectors.order_days`` does.
    """

    pairs: Ints

    @cached_property
    def customer(self) -> Ints:
        return customers_of(self.pairs)

    @cached_property
    def day(self) -> Ints:
        """Days since 1970."""
        return days_of(self.pairs)

    @cached_property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether it is the customer's first."""
        first = np.ones(self.pairs.size, np.bool_)
        first[1:] = self.customer[1:] != self.customer[:-1]
        return first

    @cached_property
    def begins(self) -> Ints:
        """The place of each customer's first."""
        return np.flatnonzero(self.is_first)

    @cached_property
    def follows(self) -> Ints:
        """The places that are no first: the one before is of the same customer."""
        return np.flatnonzero(~self.is_first)

    @cached_property
    def counts(self) -> Ints:
        """How many days each customer has."""
        return np.diff(self.begins, append=self.pairs.size)

    def among(self, customers: Ints) -> PurchaseDays:
        """Of these customers only."""
        return PurchaseDays(self.pairs[is_among(self.customer, customers)])

    def before(self, day: int) -> PurchaseDays:
        """Of the days before ``day`` only."""
        return PurchaseDays(self.pairs[self.day < day])


_kept: Final[OrderedDict[tuple[str, datetime], PurchaseDays]] = OrderedDict()
_lock: Final = threading.Lock()


def purchase_days(facts: Facts, as_of: datetime) -> PurchaseDays:
    """Everybody's purchases up to ``as_of``, by calendar day of the workspace's zone."""
    key = (facts.version, as_of)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = PurchaseDays(facts.vectors.order_days(Span(None, as_of + _TICK)))
    if not (present := facts.is_customer[made.customer]).all():
        made = PurchaseDays(made.pairs[present])
    with _lock:
        _kept[key] = made
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return made
