"""Changing what sealed events say, where that must be: files written anew, days at a time.

Only for columns that no rollup knows: a rollup keeps its sums and learns the new file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.events import catalogue, reading
from segmind.events.catalogue import Entry
from segmind.events.daily_files import write_events
from segmind.events.files import fault_of
from segmind.events.rows import scan_files
from segmind.events.swap import REWRITE_LOCK, run_alone

#: Columns that may change.
FREE_COLUMNS = frozenset({"properties", "machine"})


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Files written anew and rows changed in them. ``complete``: nothing had to be left for later
    (a damaged file, or somebody else rewriting files)."""

    files: int
    rows: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Change:
    """Which rows (``rows``, a Boolean expression) get which ``value`` in ``column``."""

    rows: pl.Expr
    column: str
    value: pl.Expr


def rewrite(
    store: Store,
    change: Change,
    *,
    days: Collection[date] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Rewritten:
    """Apply ``change`` in the event files of ``days`` (UTC; None: all).

    Each day is a transaction of its own that swaps the files, as compaction does: readers see
    every event exactly once throughout, and a repeat finds nothing left to do. ``progress`` hears
    of (days done, days).
    """
    if change.column not in FREE_COLUMNS:
        raise AssertionError(f"Rollups may know {change.column}.")
    with store.engine.connect() as conn:
        entries = catalogue.entries(conn, (reading.EVENT,))
    wanted = sorted({e.day for e in entries if e.day and (days is None or e.day in days)})
    files = rows = 0
    complete = True
    for n, day in enumerate(wanted):
        if any(_holds(store, e, change) is not False for e in entries if e.day == day):
            act = partial(_rewrite, store=store, day=day, change=change)
            done = run_alone(store, REWRITE_LOCK, act) or Rewritten(0, 0, complete=False)
            files, rows = files + done.files, rows + done.rows
            complete = complete and done.complete
        if progress is not None:
            progress(n + 1, len(wanted))
    return Rewritten(files, rows, complete)


def _holds(store: Store, entry: Entry, change: Change) -> bool | None:
    """Whether a file has such rows; None: it cannot be read now."""
    if fault_of(store.lake, entry.path, entry.bytes, entry.checksum):
        return None
    found = scan_files([store.lake / entry.path]).filter(change.rows).head(1)
    return not found.select("kind").collect().is_empty()


def _rewrite(conn: Connection, store: Store, day: date, change: Change) -> Rewritten:
    files = rows = 0
    complete = True
    replaced: dict[int, int] = {}
    for entry in catalogue.entries_of_day(conn, reading.EVENT, day):
        holds = _holds(store, entry, change)
        complete = complete and holds is not None
        if not holds:
            continue
        events = scan_files([store.lake / entry.path]).collect()
        chosen = events.select(change.rows.fill_null(value=False).alias("chosen")).to_series()
        value = pl.when(chosen).then(change.value).otherwise(pl.col(change.column))
        changed = events.with_columns(value.alias(change.column))
        catalogue.retire(conn, {entry.id})
        (new,) = catalogue.insert_all(conn, [write_events(store.lake, day, changed)])
        replaced[entry.id] = new
        files, rows = files + 1, rows + int(chosen.sum())
    if replaced:
        catalogue.replace_sources(conn, reading.ROLLUP, replaced)
    return Rewritten(files, rows, complete)
