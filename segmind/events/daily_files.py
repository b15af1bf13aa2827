"""Events into files: one per UTC day, sorted so that a question opens few of their parts."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from segmind.events import files
from segmind.events.catalogue import NewEntry
from segmind.events.event_order import in_order
from segmind.events.schema import EVENT_COLUMNS

_DAY: Final = 86_400 * 1_000_000
_EPOCH: Final = date(1970, 1, 1)


def by_day(events: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """The events of each UTC day, oldest day first."""
    if events.is_empty():
        return {}
    numbers = events["ts"].to_physical().to_numpy() // _DAY
    if (numbers[1:] < numbers[:-1]).any():
        events = events[np.argsort(numbers, kind="stable")]
        numbers = np.sort(numbers)
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = [*starts[1:].tolist(), events.height]
    return {
        _EPOCH + timedelta(days=int(numbers[start])): events[start:end]
        for start, end in zip(starts.tolist(), ends, strict=True)
    }


def write_events(lake: Path, day: date, events: pl.DataFrame) -> NewEntry:
    """Write the events of one UTC day as a file that awaits its catalogue row.

    Of EVENT_COLUMNS those that are missing are null.
    """
    ordered = in_order(events).select(
        pl.col(name) if name in events.columns else pl.lit(None, kind).alias(name)
        for name, kind in EVENT_COLUMNS.items()
    )
    written = files.write(lake, files.new_path("event", day), ordered)
    first, last = ordered.select(pl.col("ts").min(), pl.col("ts").max().alias("last")).row(0)
    return NewEntry(written=written, kind="event", day=day, min_ts=first, max_ts=last)
