"""How a vector over a window comes about: what whole rolled days add up to, and what they lack.

A vector equals ``LogSnapshot.totals``, exactly. Whose numbers it has, and at which places, is for
the subclasses to say: of everybody at the place of his id, or of few customers side by side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from segmind.events.rolled import Rolled
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.events.vectors import distinct_days
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.memory import Arrays
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.parts import Pair, Parts
from segmind.events.vectors.ranges import NEVER, NOT_YET

#: Windows taken apart that are at hand: one is asked for several figures.
_PARTED: Final = 8


@dataclass(frozen=True)
class Summed(ABC):
    """Totals of one snapshot as arrays.

    ``kind`` may be a derived one. Customers who were merged away have nothing; those they were
    merged into have it. Every array is of its own: a caller may write to it.
    """

    opened: Opened

    @property
    def rolled(self) -> Rolled:
        return self.opened.rolled

    @abstractmethod
    def _whole(self, days: Sequence[Path], kind: int, column: str) -> np.ndarray:
        """An own array of what the rollups ``days`` say, under the ids that they know.

        ``column``: n, days, value, quantity, first_ts or last_ts, first_day or last_day.
        """

    @abstractmethod
    def _placed(self, arrays: Arrays) -> Arrays:
        """The arrays with places instead of customers (the first of them), who has none left out.

        Ids are as the log was told them.
        """

    def counts(self, kind: int, span: Span) -> np.ndarray:
        """How often, Int32."""
        return self._sum(kind, span, "n")

    def values(self, kind: int, span: Span) -> np.ndarray:
        """The sum of values in minor units, Int64."""
        return self._sum(kind, span, "value")

    def quantities(self, kind: int, span: Span) -> np.ndarray:
        """The sum of quantities, Int64."""
        return self._sum(kind, span, "quantity")

    def days(self, kind: int, span: Span) -> np.ndarray:
        """On how many calendar days of the workspace's zone, Int32."""
        parts = self._parts(span)
        whole = self._whole(_rollups(parts), kind, "days")
        beside = self._pairs(parts, kind, "first_ts")
        return distinct_days.count(parts, kind, whole, beside, self._placed)

    def first(self, kind: int, span: Span) -> np.ndarray:
        """When for the first time, Int64 in microseconds UTC; NOT_YET if it did not."""
        return self._bound(kind, span, "first_ts")

    def last(self, kind: int, span: Span) -> np.ndarray:
        """When for the last time, Int64 in microseconds UTC; NEVER if it did not."""
        return self._bound(kind, span, "last_ts")

    def first_day(self, kind: int, span: Span) -> np.ndarray:
        """The calendar day of ``first``, Int64 days since 1970; NOT_YET if it did not."""
        return self._bound(kind, span, "first_day")

    def last_day(self, kind: int, span: Span) -> np.ndarray:
        """The calendar day of ``last``, Int64 days since 1970; NEVER if it did not."""
        return self._bound(kind, span, "last_day")

    def _parts(self, span: Span) -> Parts:
        """The window taken apart, once for all its figures."""
        if span not in self._parted:
            self._parted[span] = Parts(self.opened, span)
            while len(self._parted) > _PARTED:
                self._parted.pop(next(iter(self._parted)), None)
        return self._parted.get(span) or Parts(self.opened, span)

    @cached_property
    def _parted(self) -> dict[Span, Parts]:
        return {}

    def _sum(self, kind: int, span: Span, column: str) -> np.ndarray:
        parts = self._parts(span)
        vector = self._whole(_rollups(parts), kind, column)
        self._clear_touched(vector, kind, 0)
        for pair in self._pairs(parts, kind, column):
            places, amounts = self._placed(pair)
            np.add.at(vector, places, amounts.astype(vector.dtype, copy=False))
        if (merged := self._merged) is not None:
            np.add.at(vector, merged[1], vector[merged[0]])
            vector[merged[0]] = 0
        return vector

    def _bound(self, kind: int, span: Span, column: str) -> np.ndarray:
        parts = self._parts(span)
        is_first = column in {"first_ts", "first_day"}
        missing = NOT_YET if is_first else NEVER
        keep: np.ufunc = np.minimum if is_first else np.maximum
        vector = self._whole(_rollups(parts), kind, column)
        self._clear_touched(vector, kind, missing)
        for pair in self._pairs(parts, kind, "first_ts" if is_first else "last_ts"):
            places, bounds = self._placed(pair)
            if column.endswith("_day"):
                bounds = day_numbers(bounds, self.rolled.zone)
            keep.at(vector, places, bounds)
        if (merged := self._merged) is not None:
            keep.at(vector, merged[1], vector[merged[0]])
            vector[merged[0]] = missing
        return vector

    def _pairs(self, parts: Parts, kind: int, column: str) -> Iterator[Pair]:
        """What the rolled days do not tell."""
        match kind:
            case Kind.SESSION:
                return parts.sessions(column)
            case Kind.ORDER:
                return parts.orders(column)
        return parts.stored(kind, column)

    def _clear_touched(self, vector: np.ndarray, kind: int, missing: int) -> None:
        """Forget what rollups say of the sessions and orders of touched customers."""
        if kind in {Kind.SESSION, Kind.ORDER} and not self.rolled.touched.is_empty():
            behind = self.rolled.rows.merges.behind(self.rolled.touched).to_numpy()
            vector[self._placed((behind,))[0]] = missing

    @cached_property
    def _merged(self) -> Pair | None:
        """The places of those merged away, and of whom each was merged into; None without any."""
        pairs = self.rolled.rows.merges.frame
        if pairs.is_empty():
            return None
        gone, into = self._placed((pairs["from_id"].to_numpy(), pairs["into_id"].to_numpy()))
        into, gone = self._placed((into, gone))
        return gone, into


def _rollups(parts: Parts) -> list[Path]:
    return [parts.rolled.days[day].rollup for day in parts.days]
