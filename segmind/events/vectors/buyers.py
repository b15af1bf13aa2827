"""Totals of those alone who ever bought: of 3.7M customers 450,000, whose arrays cost an eighth.

What rolled days say is kept aligned to them, so that a question copies that and adds the edges of
its window. The numbers are those of ``Vectors``, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from segmind.events.schema import Kind
from segmind.events.spans import ALWAYS
from segmind.events.vectors import ranges
from segmind.events.vectors.columns import of_rolled_day
from segmind.events.vectors.memory import RANGES, Arrays
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.parts import Parts
from segmind.events.vectors.ranges import NEVER, NOT_YET
from segmind.events.vectors.sorting import ascending_once
from segmind.events.vectors.summed import Summed

_MISSING: Final = {
    "first_ts": NOT_YET,
    "first_day": NOT_YET,
    "last_ts": NEVER,
    "last_day": NEVER,
}
_DTYPES: Final = {"n": np.int32, "days": np.int32}


@dataclass(frozen=True, eq=False)
class Buyers(Summed):
    """The totals of the customers ``ids`` (Int64, ascending): a place each, in their order.

    Everybody is there who has an order in the log, at whatever time, and everybody who was merged.
    ``of_days`` of them (ascending) bought on the days of these ``rollups``, ``are_new`` tells the
    others.
    """

    ids: np.ndarray
    of_days: np.ndarray
    are_new: np.ndarray
    rollups: tuple[Path, ...]

    def _whole(self, days: Sequence[Path], kind: int, column: str) -> np.ndarray:
        key = ("of buyers", self.rollups, kind, column, tuple(days))
        kept = RANGES.recall(key, lambda: self._gathered(days, kind, column))[0]
        # Those of the smallest ids come first: some may be beyond the size that was asked for.
        kept = kept[: self.of_days.size]
        dtype = _DTYPES.get(column, np.int64)
        if self.of_days.size == self.ids.size:
            return kept.astype(dtype)
        vector = np.full(self.ids.size, _MISSING.get(column, 0), dtype)
        vector[self._places_of_days] = kept
        vector[self._places_of_new] = self._of(self.ids[self._places_of_new], days, kind, column)
        return vector

    def _of(self, ids: np.ndarray, days: Sequence[Path], kind: int, column: str) -> np.ndarray:
        return ranges.whole(days, kind, column, ids, self.rolled.zone)

    def _gathered(self, days: Sequence[Path], kind: int, column: str) -> Arrays:
        return (ranges.narrow(self._of(_of_days(self.rollups), days, kind, column)),)

    @cached_property
    def _places_of_new(self) -> np.ndarray:
        """Where the others are: of what they do beside buying, rolled days may know."""
        return np.flatnonzero(self.are_new)

    @cached_property
    def _places_of_days(self) -> np.ndarray:
        """Where those of the rolled days are among ``ids``."""
        return np.flatnonzero(~self.are_new)

    def _placed(self, arrays: Arrays) -> Arrays:
        customers = arrays[0].astype(np.int64, copy=False)
        if not self.ids.size:
            return tuple(array[:0] for array in (customers, *arrays[1:]))
        places = np.minimum(np.searchsorted(self.ids, customers), self.ids.size - 1)
        known = self.ids[places] == customers
        if known.all():
            return places, *arrays[1:]
        return places[known], *(array[known] for array in arrays[1:])


def buyers_of(opened: Opened, size: int) -> Buyers:
    """Everybody with an order, of the ids below ``size``."""
    rolled = opened.rolled
    rollups = tuple(rolled.days[day].rollup for day in rolled.spans)
    of_days = _of_days(rollups)
    of_days = of_days[: np.searchsorted(of_days, size)]
    # A line outside of rolled days, or one that they have not seen, may be of somebody new.
    others = [who for who, _ in Parts(opened, ALWAYS).stored(Kind.ORDER_COMPLETED, "n")]
    others += [ids.to_numpy() for ids in rolled.rows.merges.frame.get_columns()]
    several = ascending_once(np.concatenate([np.zeros(0, np.int64), *others]))
    several = several[: np.searchsorted(several, size)]
    new = several[~_is_among(of_days, several)]
    before = np.searchsorted(of_days, new)
    are_new = np.zeros(of_days.size + new.size, np.bool_)
    are_new[before + np.arange(new.size)] = True
    ids = np.insert(of_days, before, new)
    return Buyers(opened, ids, of_days, are_new, rollups)


def _of_days(rollups: tuple[Path, ...]) -> np.ndarray:
    """The customers (Int64, ascending) with orders that started on these rolled days."""

    def read() -> Arrays:
        bought = [of_rolled_day(path, Kind.ORDER, "n")[0] for path in rollups]
        return (ascending_once(np.concatenate([np.zeros(0, np.int64), *bought])),)

    return RANGES.recall(("buyers", rollups), read)[0]


def _is_among(ids: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Which of the ``asked`` are among the ids, which ascend."""
    if not ids.size:
        return np.zeros(asked.size, np.bool_)
    found: np.ndarray = ids[np.minimum(np.searchsorted(ids, asked), ids.size - 1)] == asked
    return found
