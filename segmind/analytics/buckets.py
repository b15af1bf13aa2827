"""Sorting instants into a period's buckets without asking the calendar for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.instants import instant, micros
from segmind.analytics.period import Period
from segmind.events.spans import Span

Ints = NDArray[np.int64]
#: Clocks everywhere differ from UTC by a multiple of this, and are changed at one; before about
#: 1970 some places kept their own seconds.
_QUARTER: Final = timedelta(minutes=15)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, eq=False)
class Buckets:
    """A period cut into cells so short that each lies in one bucket.

    ``edges``: microseconds, one more than cells, from ``since`` to ``until``. ``of_cell``: the row
    of each cell's bucket in ``starts`` (``Period.buckets()``).
    """

    edges: Ints
    of_cell: Ints
    starts: pl.DataFrame

    @property
    def count(self) -> int:
        return self.starts.height

    def counts(self, ts: Ints) -> Ints:
        """How many of these instants (ascending microseconds) lie in each bucket."""
        return self._gathered(np.diff(np.searchsorted(ts, self.edges)))

    def sums(self, ts: Ints, value: Ints) -> Ints:
        """The sum of ``value`` by bucket."""
        at = np.searchsorted(ts, self.edges)
        running = np.concatenate(([0], np.cumsum(value[at[0] : at[-1]])))
        return self._gathered(np.diff(running[at - at[0]]))

    def rows(self, ts: Ints) -> tuple[slice, Ints]:
        """Which of these ascending instants lie in the period, and the bucket of each."""
        at = np.searchsorted(ts, self.edges)
        return slice(int(at[0]), int(at[-1])), np.repeat(self.of_cell, np.diff(at))

    def spans(self) -> list[list[Span]]:
        """The stretches of time that each bucket consists of: one, but where clocks go back far."""
        found: list[list[Span]] = [[] for _ in range(self.count)]
        changes = np.flatnonzero(np.diff(self.of_cell)) + 1
        bounds = [0, *changes.tolist(), len(self.of_cell)]
        for low, high in pairwise(bounds):
            span = Span(instant(int(self.edges[low])), instant(int(self.edges[high])))
            found[int(self.of_cell[low])].append(span)
        return found

    def _gathered(self, by_cell: Ints) -> Ints:
        found = np.zeros(self.count, np.int64)
        np.add.at(found, self.of_cell, by_cell)
        return found


@lru_cache(maxsize=64)
def buckets_of(period: Period) -> Buckets:
    """The cells of a period."""
    step = _step(period)
    size = step // timedelta(microseconds=1)
    since, until = micros(period.since), micros(period.until)
    first = since // size * size
    cells = np.arange(first, until, size, dtype=np.int64)
    cells[0] = since
    starts = period.buckets()
    at = pl.DataFrame({"at": pl.from_epoch(pl.Series(cells), time_unit="us")}).select(
        period.bucket(pl.col("at").dt.replace_time_zone("UTC")).alias("bucket")
    )
    numbered = starts.with_row_index("row")
    of_cell = at.join(numbered, on="bucket", how="left", maintain_order="left")["row"]
    return Buckets(np.append(cells, until), of_cell.cast(pl.Int64).to_numpy(), starts)


def _step(period: Period) -> timedelta:
    for end in (period.since, period.until):
        offset = end.astimezone(period.zone).utcoffset()
        if offset is not None and offset % _QUARTER:
            return _SECOND
    return _QUARTER
