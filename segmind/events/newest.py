"""The newest events: newest files first, and no more of them than it takes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from segmind.events.presence import files_with
from segmind.events.rolled import Rolled
from segmind.events.rows import Rows, SealedFile, scan_files
from segmind.events.schema import EVENT_COLUMNS, empty_events
from segmind.events.spans import Span

#: Newest first; the id settles what happened at one instant.
ORDER: Final = ("ts", "event_hi", "event_lo")
#: Files of one customer that are opened at once.
_AT_ONCE: Final = 6
_KEPT: Final = 64

_tops: OrderedDict[tuple[Path, tuple[int, ...], int], pl.DataFrame] = OrderedDict()
_lock = threading.Lock()


def of_customer(
    rolled: Rolled, customer_id: int, window: Span, limit: int | None = None
) -> pl.DataFrame:
    """The newest ``limit`` events (None: all) of a customer in ``window``, newest first.

    EVENT_COLUMNS. Events of one instant stay together, so there may be a few more.
    """
    customers = pl.Series("customer_id", [customer_id], pl.Int64)
    near = [f for f in files_with(rolled, customers) if window.meets(f.min_ts, f.max_ts)]
    size = len(near) if limit is None else _AT_ONCE
    found = _read(replace(rolled.rows, files=()), customers, window)
    for start in range(0, len(near), max(1, size)):
        if limit is not None and _is_enough(found, limit, near[start].max_ts):
            break
        sealed = Rows(tuple(near[start : start + size]), empty_events(), rolled.rows.merges)
        found = pl.concat([found, _read(sealed, customers, window)])
        found = found.sort(ORDER, descending=True)
    if limit is None or found.height <= limit:
        return found
    return found.filter(pl.col("ts") >= found["ts"][limit - 1])


def of_all(rows: Rows, window: Span, limit: int, without: Collection[int] = ()) -> pl.DataFrame:
    """The newest ``limit`` events in ``window``, newest first, those of some kinds left out."""
    unwanted = tuple(sorted(int(kind) for kind in without))
    found = _top(rows.recent.lazy().filter(window.holds(pl.col("ts"))), limit, unwanted)
    near = [f for f in rows.files if window.meets(f.min_ts, f.max_ts)]
    for file in sorted(near, key=lambda f: f.max_ts, reverse=True):
        if _is_enough(found, limit, file.max_ts):
            break
        top = _top_of(file, window, limit, unwanted)
        found = pl.concat([found, top]).sort(ORDER, descending=True).head(limit)
    return found.with_columns(rows.merges.mapped(pl.col("customer_id")))


def _is_enough(found: pl.DataFrame, limit: int, rest: datetime) -> bool:
    """Whether nothing that happened up to ``rest`` is among the newest."""
    if found.height < limit:
        return False
    last: datetime = found["ts"][limit - 1]
    return last > rest


def _read(rows: Rows, customers: pl.Series, window: Span) -> pl.DataFrame:
    found = rows.scan([window], list(EVENT_COLUMNS), customers=customers)
    return found.collect().sort(ORDER, descending=True)


def _top_of(file: SealedFile, window: Span, limit: int, without: tuple[int, ...]) -> pl.DataFrame:
    events = scan_files([file.path])
    if window.until is not None and window.until <= file.max_ts:
        return _top(events.filter(window.holds(pl.col("ts"))), limit, without)
    key = (file.path, without, limit)
    with _lock:
        if key in _tops:
            _tops.move_to_end(key)
            return _since(_tops[key], window)
    made = _top(events, limit, without)
    with _lock:
        _tops[key] = made
        while len(_tops) > _KEPT:
            _tops.popitem(last=False)
    return _since(made, window)


def _top(events: pl.LazyFrame, limit: int, without: Iterable[int]) -> pl.DataFrame:
    wanted = events.filter(~pl.col("kind").is_in(list(without)))
    # First when, then what: of most events only the instant is read.
    instants = wanted.select(pl.col("ts").top_k(limit)).collect()["ts"]
    if instants.is_empty():
        return empty_events()
    newest = wanted.filter(pl.col("ts") >= instants.min()).select(list(EVENT_COLUMNS))
    return newest.collect().sort(ORDER, descending=True).head(limit)


def _since(found: pl.DataFrame, window: Span) -> pl.DataFrame:
    return found.filter(window.holds(pl.col("ts")))
