"""The days on which customers bought, in order: what cohorts and gaps between purchases are of."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from segmind.analytics.customer_numbers import is_among
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.sorting import ascending_once

Ints = NDArray[np.int64]
_TICK: Final = timedelta(microseconds=1)
#: Days between 1790 and 2149 are told apart.
_DAYS: Final = 1 << 17
_FIRST: Final = -(1 << 16)
_KEPT: Final = 3


@dataclass(frozen=True, eq=False)
class PurchaseDays:
    """One place for each customer and calendar day with an order, by customer, then by day.

    ``day``: days since 1970. ``begins``: the place of each customer's first.
    """

    customer: Ints
    day: Ints
    begins: Ints

    @classmethod
    def of(cls, customer: Ints, day: Ints) -> PurchaseDays:
        """From pairs in any order, some of them repeated."""
        return cls._of_packed(ascending_once(_packed(customer, day)))

    @classmethod
    def _of_packed(cls, packed: Ints) -> PurchaseDays:
        customer, day = packed // _DAYS, packed % _DAYS + _FIRST
        is_first = np.ones(customer.size, np.bool_)
        is_first[1:] = customer[1:] != customer[:-1]
        return cls(customer, day, np.flatnonzero(is_first))

    @property
    def counts(self) -> Ints:
        """How many days each customer has."""
        return np.diff(self.begins, append=self.customer.size)

    def among(self, customers: Ints) -> PurchaseDays:
        """Of these customers only."""
        mine = is_among(self.customer, customers)
        return self._of_packed(_packed(self.customer[mine], self.day[mine]))

    def before(self, day: int) -> PurchaseDays:
        """Of the days before ``day`` only."""
        past = self.day < day
        return self._of_packed(_packed(self.customer[past], self.day[past]))


def _packed(customer: Ints, day: Ints) -> Ints:
    return customer * _DAYS + (day - _FIRST)


_kept: Final[OrderedDict[tuple[str, datetime], PurchaseDays]] = OrderedDict()
_lock: Final = threading.Lock()


def purchase_days(facts: Facts, as_of: datetime) -> PurchaseDays:
    """Everybody's purchases up to ``as_of``, by calendar day of the workspace's zone."""
    key = (facts.version, as_of)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    customer, instants = facts.vectors.instants(Kind.ORDER, Span(None, as_of + _TICK))
    present = facts.is_customer[customer]
    made = PurchaseDays.of(customer[present], day_numbers(instants[present], facts.zone))
    with _lock:
        _kept[key] = made
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return made
