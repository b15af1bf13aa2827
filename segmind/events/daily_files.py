"""Events into files: one per UTC day, sorted so that a question opens few of their parts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from segmind.events import files
from segmind.events.catalogue import NewEntry
from segmind.events.schema import EVENT_COLUMNS

#: How events lie in a file: a kind's rows together, in them a customer's, in them by time.
EVENT_ORDER: Final = ("kind", "customer_id", "ts", "event_hi", "event_lo")


def by_day(events: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """The events of each UTC day, oldest day first."""
    day = pl.col("ts").dt.date().alias("day")
    if events["ts"].dt.date().n_unique() <= 1:
        return {events["ts"].dt.date()[0]: events} if events.height else {}
    parts = events.with_columns(day).partition_by("day", as_dict=True, include_key=False)
    return {key[0]: parts[key] for key in sorted(parts)}


def write_events(lake: Path, day: date, events: pl.DataFrame) -> NewEntry:
    """Write the events of one UTC day (EVENT_COLUMNS) as a file that awaits its catalogue row."""
    ordered = events.select(list(EVENT_COLUMNS)).sort(EVENT_ORDER)
    written = files.write(lake, files.new_path("event", day), ordered)
    first, last = ordered.select(pl.col("ts").min(), pl.col("ts").max().alias("last")).row(0)
    return NewEntry(written=written, kind="event", day=day, min_ts=first, max_ts=last)
