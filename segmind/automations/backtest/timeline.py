"""When customers did one thing, in an order in which anybody's moment is found by halving."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

#: Later than anything: what never happened.
NEVER: Final = np.iinfo(np.int64).max
#: Earlier than anything.
BEFORE_ALL: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Timeline:
    """Times at which something happened, ascending by customer and ``ts``.

    Instants are microseconds UTC. ``known``: when the log knew of it, never before ``ts``.
    ``size``: one more than the largest customer id that may be asked about.
    """

    customers: np.ndarray
    ts: np.ndarray
    known: np.ndarray
    size: int

    @classmethod
    def of(cls, rows: pl.DataFrame, size: int) -> Timeline:
        """The timeline of rows that are sorted so: customer_id, ts and known (all Int64)."""
        return cls(*(rows[name].to_numpy() for name in ("customer_id", "ts", "known")), size)

    @cached_property
    def _bounds(self) -> np.ndarray:
        """Where each customer's rows begin; one more for the end of the last."""
        return np.searchsorted(self.customers, np.arange(self.size + 1))

    @cached_property
    def _is_orderly(self) -> bool:
        """Whether everything was known in the order in which it happened."""
        return not bool(np.any(self._same & (self.known[:-1] > self.known[1:])))

    @cached_property
    def _same(self) -> np.ndarray:
        """Of each row but the last: whether the next one is of the same customer."""
        return self.customers[:-1] == self.customers[1:]

    def first_from(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """Row of the customer's first time at ``since`` or after (``later``: only after); the
        first row of the next customer where there is none."""
        return self._halved(self.ts, customers, since, past_equal=later)

    def count(self, customers: np.ndarray, since: np.ndarray, until: np.ndarray) -> np.ndarray:
        """How often in ``[since, until)``."""
        return self.first_from(customers, until) - self.first_from(customers, since)

    def next_known(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """When the log first knew of a time at ``since`` or after; NEVER where there is none."""
        rows = self.first_from(customers, since, later=later)
        return self._at(self._soonest, rows, rows < self._bounds[customers + 1], NEVER)

    def next_ts(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """The first time at ``since`` or after; NEVER where there is none."""
        rows = self.first_from(customers, since, later=later)
        return self._at(self.ts, rows, rows < self._bounds[customers + 1], NEVER)

    def latest(self, customers: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The latest time known at ``now``; BEFORE_ALL where there is none."""
        known, latest = self._by_knowledge
        rows = self._halved(known, customers, now, past_equal=True) - 1
        return self._at(latest, rows, rows >= self._bounds[customers], BEFORE_ALL)

    def last(self, customers: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The last time at or before ``now``, whenever it was known; BEFORE_ALL without any."""
        rows = self.first_from(customers, now, later=True) - 1
        return self._at(self.ts, rows, rows >= self._bounds[customers], BEFORE_ALL)

    def is_at(self, rows: np.ndarray, customers: np.ndarray, instants: np.ndarray) -> np.ndarray:
        """Whether these rows (of ``first_from``) are the customer's at that very instant."""
        there = rows < self._bounds[customers + 1]
        return there & (self._at(self.ts, rows, there, NEVER) == instants)

    def any_known(
        self, customers: np.ndarray, since: np.ndarray, until: np.ndarray, now: np.ndarray
    ) -> np.ndarray:
        """Whether there is a time in ``[since, until)`` that was known at ``now``."""
        row, end = self.first_from(customers, since), self.first_from(customers, until)
        found = np.zeros(customers.shape, dtype=np.bool_)
        while np.any(left := ~found & (row < end)):
            found |= left & (self._at(self.known, row, left, NEVER) <= now)
            row = row + 1
        return found

    @staticmethod
    def _at(column: np.ndarray, rows: np.ndarray, there: np.ndarray, missing: int) -> np.ndarray:
        if not column.size:
            return np.full(rows.shape, missing, dtype=np.int64)
        return np.where(there, column[np.clip(rows, 0, column.size - 1)], missing)

    @cached_property
    def _soonest(self) -> np.ndarray:
        """Of each row: when first it or a later one of the customer's was known."""
        soonest = self.known
        if not self._is_orderly:
            soonest = soonest.copy()
            while np.any(late := self._same & (soonest[:-1] > soonest[1:])):
                rows = np.flatnonzero(late)
                soonest[rows] = soonest[rows + 1]
        return soonest

    @cached_property
    def _by_knowledge(self) -> tuple[np.ndarray, np.ndarray]:
        """``known`` ascending by customer, and the latest ``ts`` among those known by then."""
        if self._is_orderly:
            return self.known, self.ts
        order = np.lexsort((self.ts, self.known, self.customers))
        known, latest = self.known[order], self.ts[order].copy()
        while np.any(early := self._same & (latest[1:] < latest[:-1])):
            rows = np.flatnonzero(early)
            latest[rows + 1] = latest[rows]
        return known, latest

    def _halved(
        self, column: np.ndarray, customers: np.ndarray, values: np.ndarray, *, past_equal: bool
    ) -> np.ndarray:
        """Of each customer the first row whose ``column`` is at least the value (``past_equal``:
        above it)."""
        low, high = self._bounds[customers], self._bounds[customers + 1]
        if not column.size:
            return low
        while np.any(left := low < high):
            middle = (low + high) >> 1
            found = column[np.minimum(middle, column.size - 1)]
            onward = left & ((found <= values) if past_equal else (found < values))
            low = np.where(onward, middle + 1, low)
            high = np.where(left & ~onward, middle, high)
        return low
