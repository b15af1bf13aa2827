"""Rolling closed days up: ``customer_day`` files that answer for whole days at once.

A rollup depends on its own day and on what came before, never on what came after. So an event that
arrives late, or a merge of customers, can only change rollups of its customers, on its day and on
later ones: these customers' rows are computed again, and days where they differ are replaced. All
of it is one transaction, after which every rollup is right about every event in its sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.events import catalogue, files, reading
from segmind.events.catalogue import Entry, NewEntry
from segmind.events.merges import Merges
from segmind.events.reading import MERGES, ROLLUP
from segmind.events.rolled import MOST_TOUCHED, ROLLUP_ORDER, Rolled
from segmind.events.rolled_days import Sources, rolled_days
from segmind.events.rows import SealedFile
from segmind.events.spans import day_span
from segmind.events.swap import REWRITE_LOCK, run_alone
from segmind.events.usable import days_of


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
    return sorted(day for day in days if day < today and day not in rolled.files)


def _roll(conn: Connection, store: Store, zone: ZoneInfo, now: datetime) -> RolledUp:
    view = reading.read(conn, store, zone)
    if view.incomplete:
        return RolledUp(0, 0)
    rolled = view.rolled.of_sealed()
    if rolled.touched.len() > MOST_TOUCHED:
        rolled = Rolled.nothing(rolled.rows, zone)
    entries = catalogue.entries(conn, (ROLLUP, MERGES))
    known = {e.day: e for e in entries if e.kind == ROLLUP and e.day in rolled.files}
    sources = _sources(rolled.rows.files, zone)
    made = rolled_days(rolled.rows, zone, missing_days(rolled, now), sources)
    replaced: dict[date, NewEntry] = {}
    for day, frame in chain(made, _corrections(rolled, sources, known)):
        ids = sorted(file.id for file in sources[day])
        replaced[day] = _write(store, day, frame, {"zone": zone.key, "sources": ids})
    kept = {e.id for day, e in known.items() if day not in replaced}
    catalogue.retire(conn, [e.id for e in entries if e.kind == ROLLUP and e.id not in kept])
    catalogue.insert_all(conn, list(replaced.values()))
    _remember_merges(conn, store, rolled.rows.merges, entries)
    corrected = sum(day in known for day in replaced)
    return RolledUp(made=len(replaced) - corrected, corrected=corrected)


def _sources(sealed: Iterable[SealedFile], zone: ZoneInfo) -> Sources:
    """The files that may have rows for each day."""
    found: Sources = {}
    for file in sealed:
        for day in days_of(file, zone):
            found.setdefault(day, []).append(file)
    return found


def _corrections(
    rolled: Rolled, sources: Sources, known: Mapping[date | None, Entry]
) -> Iterator[tuple[date, pl.DataFrame]]:
    """Rolled days whose rows or sources are not what they should be, with their right rows."""
    touched = rolled.touched
    if touched.is_empty() or not rolled.files:
        return
    first = _first_change(rolled)
    days = [day for day in sorted(rolled.files) if day >= first and day in sources]
    is_touched = pl.col("customer_id").is_in(touched.implode())
    right = dict(rolled_days(rolled.rows, rolled.zone, days, sources, touched))
    for day in days:
        stored = rolled.scan([day]).sort(ROLLUP_ORDER).collect()
        theirs = right.get(day, stored.clear())
        listed = (known[day].detail or {})["sources"]
        if theirs.equals(stored.filter(is_touched)) and listed == _ids(sources[day]):
            continue
        yield day, pl.concat([stored.filter(~is_touched), theirs]).sort(ROLLUP_ORDER)


def _ids(sealed: Sequence[SealedFile]) -> list[int]:
    return sorted(file.id for file in sealed)


def _first_change(rolled: Rolled) -> date:
    """The first day on which something may have changed since the rollups were made."""
    if not rolled.merged.is_empty():
        return min(rolled.files)
    spans = [span for _, parts in rolled.unseen for span in parts]
    return min(d for d in rolled.files if any(_reaches(d, span.since, rolled) for span in spans))


def _reaches(day: date, since: datetime | None, rolled: Rolled) -> bool:
    end = day_span(day, rolled.zone).until
    assert end is not None
    return since is None or end > since


def _write(store: Store, day: date, frame: pl.DataFrame, detail: dict[str, object]) -> NewEntry:
    written = files.write(store.lake, files.new_path(ROLLUP, day), frame)
    return NewEntry(written=written, kind=ROLLUP, day=day, detail=detail)


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
