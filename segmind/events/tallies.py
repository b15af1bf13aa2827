"""What each sealed file holds, counted once: by calendar day and kind, and without a session."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events import derive
from segmind.events.rows import Rows, SealedFile, scan_files
from segmind.events.spans import day_of

#: day Date, kind Int16, n Int64, bare Int64: of these, shop events without a session id.
TALLY_COLUMNS: Final[dict[str, pl.DataType]] = {
    "day": pl.Date(),
    "kind": pl.Int16(),
    "n": pl.Int64(),
    "bare": pl.Int64(),
}
_KEPT: Final = 20_000
_QUARTER: Final = timedelta(minutes=15)

_tallies: OrderedDict[tuple[Path, str], pl.DataFrame] = OrderedDict()
_lock = threading.Lock()


def tally(rows: Rows, zone: ZoneInfo) -> pl.DataFrame:
    """TALLY_COLUMNS of a snapshot, one row per day (in ``zone``) and kind."""
    parts = [_of_file(file, zone) for file in rows.files]
    ends = rows.recent.select(pl.col("ts").min(), pl.col("ts").max().alias("last")).row(0)
    every = pl.concat([*parts, _count(rows.recent.lazy(), zone, filter(None, ends))])
    return every.group_by("day", "kind").agg(pl.col("n", "bare").sum()).sort("day", "kind")


def _of_file(file: SealedFile, zone: ZoneInfo) -> pl.DataFrame:
    key = (file.path, zone.key)
    with _lock:
        if key in _tallies:
            _tallies.move_to_end(key)
            return _tallies[key]
    made = _count(scan_files([file.path]), zone, [file.min_ts, file.max_ts])
    with _lock:
        _tallies[key] = made
        while len(_tallies) > _KEPT:
            _tallies.popitem(last=False)
    return made


def _count(events: pl.LazyFrame, zone: ZoneInfo, bounds: Iterable[datetime]) -> pl.DataFrame:
    is_bare = derive.IN_SESSION & pl.col("session_key").is_null()
    # Quarters of an hour first: there are few of them, and asking a calendar takes long.
    step = "15m" if _keeps_quarters(zone, bounds) else "1us"
    quarters = events.group_by(pl.col("ts").dt.truncate(step), "kind").agg(
        pl.len().cast(pl.Int64).alias("n"), is_bare.sum().cast(pl.Int64).alias("bare")
    )
    counted = quarters.group_by(day_of(pl.col("ts"), zone).alias("day"), "kind").agg(
        pl.col("n", "bare").sum()
    )
    return counted.select(pl.col(name).cast(kind) for name, kind in TALLY_COLUMNS.items()).collect(
        engine="streaming"
    )


def _keeps_quarters(zone: ZoneInfo, bounds: Iterable[datetime]) -> bool:
    """Whether days begin with a quarter of an hour of UTC, as they do everywhere by now."""
    offsets = [instant.astimezone(zone).utcoffset() or timedelta() for instant in bounds]
    return not any(offset % _QUARTER for offset in offsets)
