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
        customers, ts, known = (rows[name].to_numpy() for name in ("customer_id", "ts", "known"))
        return cls(customers, ts, known, size)

    def first_from(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """Row of the customer's first time at ``since`` or after (``later``: only after); the
        first row of the next customer where there is none."""
        return self._by_ts.rows(customers, since, later=later)

    def count(self, customers: np.ndarray, since: np.ndarray, until: np.ndarray) -> np.ndarray:
        """How often in ``[since, until)``."""
        found: np.ndarray = self.first_from(customers, until) - self.first_from(customers, since)
        return found

    def next_known(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """When the log first knew of a time at ``since`` or after; NEVER where there is none."""
        rows = self.first_from(customers, since, later=later)
        return self._at(self._soonest, rows, customers, NEVER)

    def next_ts(
        self, customers: np.ndarray, since: np.ndarray, *, later: bool = False
    ) -> np.ndarray:
        """The first time at ``since`` or after; NEVER where there is none."""
        return self._at(self.ts, self.first_from(customers, since, later=later), customers, NEVER)

    def latest(self, customers: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The latest time known at ``now``; BEFORE_ALL where there is none."""
        index, latest = self._by_knowledge
        return self._at(latest, index.rows(customers, now, later=True) - 1, customers, BEFORE_ALL)

    def last(self, customers: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The last time at or before ``now``, whenever it was known; BEFORE_ALL without any."""
        rows = self.first_from(customers, now, later=True) - 1
        return self._at(self.ts, rows, customers, BEFORE_ALL)

    def is_at(self, rows: np.ndarray, customers: np.ndarray, instants: np.ndarray) -> np.ndarray:
        """Whether these rows (of ``first_from``) are the customer's at that very instant."""
        found: np.ndarray = self._at(self.ts, rows, customers, NEVER) == instants
        return found

    def any_known(self, since: np.ndarray, until: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Whether one of the rows from ``since`` up to, not including, ``until`` was known at
        ``now``."""
        found = np.zeros(since.shape, dtype=np.bool_)
        left = np.flatnonzero(since < until)
        row = since[left]
        while left.size:
            is_known = self.known[row] <= now[left]
            found[left[is_known]] = True
            row = row + 1
            onward = ~is_known & (row < until[left])
            left, row = left[onward], row[onward]
        return found

    def _at(
        self, column: np.ndarray, rows: np.ndarray, customers: np.ndarray, missing: int
    ) -> np.ndarray:
        """The column at the rows; ``missing`` where they are not the customer's."""
        if not column.size:
            return np.full(rows.shape, missing, dtype=np.int64)
        inside = np.clip(rows, 0, column.size - 1)
        is_theirs = (inside == rows) & (self.customers[inside] == customers)
        return np.where(is_theirs, column[inside], missing)

    @cached_property
    def _by_ts(self) -> _Index:
        return _Index.of(self.customers, self.ts, self.size)

    @cached_property
    def _same(self) -> np.ndarray:
        """Of each row but the last: whether the next one is of the same customer."""
        same: np.ndarray = self.customers[:-1] == self.customers[1:]
        return same

    @cached_property
    def _is_orderly(self) -> bool:
        """Whether everything was known in the order in which it happened."""
        return not bool(np.any(self._same & (self.known[:-1] > self.known[1:])))

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
    def _by_knowledge(self) -> tuple[_Index, np.ndarray]:
        """``known`` ascending by customer, and the latest ``ts`` among those known by then."""
        if self._is_orderly:
            is_plain = self.known is self.ts or np.array_equal(self.known, self.ts)
            index = self._by_ts if is_plain else _Index.of(self.customers, self.known, self.size)
            return index, self.ts
        order = np.lexsort((self.ts, self.known, self.customers))
        known, latest = self.known[order], self.ts[order].copy()
        while np.any(early := self._same & (latest[1:] < latest[:-1])):
            rows = np.flatnonzero(early)
            latest[rows + 1] = latest[rows]
        return _Index.of(self.customers, known, self.size), latest


@dataclass(frozen=True)
class _Index:
    """Rows that ascend by customer and instant, found by one number of both.

    An instant in full does not fit beside a customer into 63 bits, so the number has it in units
    of 2 ** ``shift`` microseconds; the few rows of one unit are told apart one by one.
    """

    instants: np.ndarray
    numbers: np.ndarray
    shift: int
    first: int
    last: int
    bits: int

    @classmethod
    def of(cls, customers: np.ndarray, instants: np.ndarray, size: int) -> _Index:
        shift = 10
        least = int(instants.min()) if instants.size else 0
        most = int(instants.max()) if instants.size else 0
        while (((most - least) >> shift) + 4).bit_length() + size.bit_length() > 62:
            shift += 1
        first, last = least >> shift, most >> shift
        bits = (last - first + 4).bit_length()
        numbers = (customers << bits) + ((instants >> shift) - first + 1)
        return cls(instants, numbers, shift, first, last, bits)

    def rows(self, customers: np.ndarray, values: np.ndarray, *, later: bool) -> np.ndarray:
        """The first row of each customer at the instant or after (``later``: only after)."""
        units = np.clip(values >> self.shift, self.first - 1, self.last + 1) - self.first + 1
        wanted = (customers << self.bits) + units
        found: np.ndarray = np.searchsorted(self.numbers, wanted)
        left = np.arange(found.size if self.numbers.size else 0)
        while left.size:
            row = found[left]
            inside = np.minimum(row, self.numbers.size - 1)
            onward = (row < self.numbers.size) & (self.numbers[inside] == wanted[left])
            at = self.instants[inside]
            onward &= (at <= values[left]) if later else (at < values[left])
            left = left[onward]
            found[left] += 1
        return found
