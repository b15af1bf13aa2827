"""Rolling closed days up: ``customer_day`` files that answer for whole days at once.

A rollup depends on its own day and on what came before, never on what came after. So an event that
arrives late, or a merge of customers, can only change rollups of its customers, on its day and on
later ones: these customers' rows are computed again, and days where they differ are replaced. All
of it is one transaction, after which every rollup is right about every event in its sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.events import catalogue, files, reading
from segmind.events.catalogue import Entry, NewEntry
from segmind.events.merges import Merges
from segmind.events.reading import MERGES, ORDERS, ROLLUP, STARTS
from segmind.events.rolled import Rolled
from segmind.events.rolled_days import DayFrames, Sources, days_of_customers, new_days, stored
from segmind.events.rows import SealedFile
from segmind.events.spans import day_span
from segmind.events.swap import REWRITE_LOCK, run_alone
from segmind.events.usable import days_of

#: Days that wait to be written, at most: they are kept in memory.
MOST_WAITING: Final = 8


@dataclass(frozen=True, slots=True)
class RolledUp:
    """Days that got a rollup, and days whose rollup was corrected."""

    made: int
    corrected: int


def roll(store: Store, zone: ZoneInfo, now: datetime) -> RolledUp:
    """Bring the rollups of all days that ended before ``now`` (in ``zone``) up to the sealed files.

    Does nothing while event files are missing or damaged, or while another process rewrites files.
    """
    done = run_alone(store, REWRITE_LOCK, lambda conn: _roll(conn, store, zone, now))
    return done or RolledUp(0, 0)


def missing_days(rolled: Rolled, now: datetime) -> list[date]:
    """The closed days with sealed events that no usable rollup answers for, oldest first."""
    today = now.astimezone(rolled.zone).date()
    days = {day for file in rolled.rows.files for day in days_of(file, rolled.zone)}
    return sorted(day for day in days if day < today and day not in rolled.days)


def _roll(conn: Connection, store: Store, zone: ZoneInfo, now: datetime) -> RolledUp:
    view = reading.read(conn, store, zone)
    if view.incomplete:
        return RolledUp(0, 0)
    rolled = view.rolled.of_sealed()
    if not rolled.spans:  # too much has changed: everything is made again
        rolled = Rolled.nothing(rolled.rows, zone)
    entries = catalogue.entries(conn, (ROLLUP, STARTS, ORDERS, MERGES))
    sources = _sources(rolled.rows.files, zone)
    known = {e.day: e for e in entries if e.kind == ROLLUP and e.day in rolled.days}
    made = new_days(rolled, missing_days(rolled, now), sources)
    changed = chain(made, _corrections(rolled, sources, known))
    # Days are written while the next ones are computed.
    with ThreadPoolExecutor(1, "rollup files") as writer:
        writing: dict[date, Future[list[NewEntry]]] = {}
        for day, frames in changed:
            if len(writing) >= MOST_WAITING:
                list(writing.values())[-MOST_WAITING].result()
            writing[day] = writer.submit(_write, store, day, frames, zone, _ids(sources[day]))
    written = {day: its.result() for day, its in writing.items()}
    kept = {e.day for e in known.values() if e.day not in written}
    outdated = [e.id for e in entries if e.kind != MERGES and not _is_kept(e, rolled, kept)]
    catalogue.retire(conn, outdated)
    catalogue.insert_all(conn, list(chain.from_iterable(written.values())))
    _remember_merges(conn, store, rolled.rows.merges, entries)
    corrected = sum(day in known for day in written)
    return RolledUp(made=len(written) - corrected, corrected=corrected)


def _sources(sealed: Iterable[SealedFile], zone: ZoneInfo) -> Sources:
    """The files that may have rows for each day."""
    found: Sources = {}
    for file in sealed:
        for day in days_of(file, zone):
            found.setdefault(day, []).append(file)
    return found


def _corrections(
    rolled: Rolled, sources: Sources, known: Mapping[date | None, Entry]
) -> Iterator[tuple[date, DayFrames]]:
    """Rolled days whose rows or sources are not what they should be, with their right rows."""
    touched = rolled.touched
    if touched.is_empty() or not rolled.days:
        return
    first = _first_change(rolled)
    days = [day for day in rolled.days if day >= first]
    right = days_of_customers(rolled, days, touched)
    for day in days:
        theirs, others = stored(rolled, day).parted(touched)
        listed = (known[day].detail or {})["sources"]
        if right[day].equals(theirs) and listed == _ids(sources[day]):
            continue
        yield day, others.with_rows(right[day])


def _is_kept(entry: Entry, rolled: Rolled, kept: set[date | None]) -> bool:
    if entry.day not in kept:
        return False
    assert entry.day is not None
    day = rolled.days[entry.day]
    return any(path.as_posix().endswith(entry.path) for path in day.paths)


def _ids(sealed: Sequence[SealedFile]) -> list[int]:
    return sorted(file.id for file in sealed)


def _first_change(rolled: Rolled) -> date:
    """The first day on which something may have changed since the rollups were made."""
    if not rolled.merged.is_empty():
        return min(rolled.days)
    spans = [span for _, parts in rolled.unseen for span in parts]
    return min(d for d in rolled.days if any(_reaches(d, span.since, rolled) for span in spans))


def _reaches(day: date, since: datetime | None, rolled: Rolled) -> bool:
    end = day_span(day, rolled.zone).until
    assert end is not None
    return since is None or end > since


def _write(
    store: Store, day: date, frames: DayFrames, zone: ZoneInfo, sources: list[int]
) -> list[NewEntry]:
    starts = files.write(store.lake, files.new_path(STARTS, day), frames.starts)
    orders = files.write(store.lake, files.new_path(ORDERS, day), frames.orders)
    rollup = files.write(store.lake, files.new_path(ROLLUP, day), frames.rollup)
    detail = {
        "zone": zone.key,
        "sources": sources,
        "starts": starts.path,
        "orders": orders.path,
    }
    return [
        NewEntry(written=starts, kind=STARTS, day=day),
        NewEntry(written=orders, kind=ORDERS, day=day),
        NewEntry(written=rollup, kind=ROLLUP, day=day, detail=detail),
    ]


def _remember_merges(
    conn: Connection, store: Store, merges: Merges, entries: Sequence[Entry]
) -> None:
    """Record which merges all rollups know of by now."""
    known = [e for e in entries if e.kind == MERGES]
    frames = [pl.read_parquet(store.lake / e.path) for e in known]
    if merges.frame.equals(frames[0] if frames else Merges.none().frame):
        return
    catalogue.retire(conn, [e.id for e in known])
    written = files.write(store.lake, files.new_path(MERGES, None), merges.frame)
    catalogue.insert_all(conn, [NewEntry(written=written, kind=MERGES)])
