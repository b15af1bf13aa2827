"""Compaction: small files of a day become one, in one transaction that swaps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.events import catalogue, reading
from segmind.events.catalogue import Entry
from segmind.events.daily_files import write_events
from segmind.events.files import fault_of
from segmind.events.rows import scan_files
from segmind.events.spans import day_span
from segmind.events.swap import REWRITE_LOCK, run_alone

#: A file of so many rows is large enough: merging it again would not make reading quicker.
LARGE: Final = 4_000_000
#: Files of about one size (within a factor of ``RATIO``) that are worth merging; so each event is
#: rewritten a few times only, however often sealing runs.
MANY: Final = 4
RATIO: Final = 8
SMALLEST: Final = 1_000


class CompactionMismatch(SegmindError):
    """Compaction read {read} rows where the catalogue says {listed}; nothing was changed."""

    code = "compaction_mismatch"


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many files became how many."""

    replaced: int
    made: int


def compact(store: Store, now: datetime) -> Compacted:
    """Merge small files, day by day; each day is a transaction of its own.

    Nothing that a reader sees changes. Rollups keep knowing their events: where all merged files
    are among a rollup's sources, the new one takes their place. Does nothing while another process
    rewrites files.
    """
    with store.engine.connect() as conn:
        entries = catalogue.entries(conn, (reading.EVENT,))
    replaced = made = 0
    for day, files in groupby(entries, key=lambda e: e.day):
        if day is None or not worth_merging(list(files), day, now.date()):
            continue
        act = partial(_compact, store=store, day=day, now=now)
        merged = run_alone(store, REWRITE_LOCK, act)
        replaced += merged or 0
        made += bool(merged)
    return Compacted(replaced=replaced, made=made)


def worth_merging(files: Sequence[Entry], day: date, today: date) -> list[Entry]:
    """The files of one day to merge now; none, if it would not pay.

    Of a day that still grows, files of like size; of a past day everything, unless that would
    rewrite much for the sake of little.
    """
    small = [f for f in files if f.rows < LARGE]
    if sum(f.rows for f in small) > LARGE:
        small = _fitting(small)
    if day < today and len(small) >= 2:
        largest = max(f.rows for f in small)
        rest = sum(f.rows for f in small) - largest
        if len(small) >= MANY or largest < RATIO * rest:
            return small
    tiers: dict[int, list[Entry]] = {}
    for f in small:
        tiers.setdefault(_tier(f.rows), []).append(f)
    return next((tier for tier in tiers.values() if len(tier) >= MANY), [])


def _fitting(files: Iterable[Entry]) -> list[Entry]:
    """The smallest files that make one of at most ``LARGE`` rows."""
    chosen: list[Entry] = []
    rows = 0
    for f in sorted(files, key=lambda f: f.rows):
        rows += f.rows
        if rows > LARGE:
            break
        chosen.append(f)
    return chosen


def _tier(rows: int) -> int:
    tier = 0
    while rows >= SMALLEST * RATIO**tier:
        tier += 1
    return tier


def _compact(conn: Connection, store: Store, day: date, now: datetime) -> int:
    files = catalogue.entries_of_day(conn, reading.EVENT, day)
    if any(fault_of(store.lake, f.path, f.bytes, f.checksum) for f in files):
        return 0  # a damaged file stays as it is, to be brought back
    rollups = catalogue.entries(conn, (reading.ROLLUP,))
    chosen = _of_one_mind(worth_merging(files, day, now.date()), rollups)
    if len(chosen) < 2:
        return 0
    events = scan_files(store.lake / f.path for f in chosen).collect()
    if events.height != (listed := sum(f.rows for f in chosen)):
        raise CompactionMismatch(read=events.height, listed=listed)
    merged = write_events(store.lake, day, events)
    ids = {f.id for f in chosen}
    catalogue.retire(conn, ids)
    (new,) = catalogue.insert_all(conn, [merged])
    for rollup in rollups:
        detail = rollup.detail or {}
        sources = set(detail["sources"])
        if ids & sources:
            detail = detail | {"sources": sorted(sources - ids | {new})}
            catalogue.set_detail(conn, rollup.id, detail)
    return len(chosen)


def _of_one_mind(files: list[Entry], rollups: Iterable[Entry]) -> list[Entry]:
    """The files without those that would make one of seen and unseen rows for some rollup."""
    for rollup in rollups:
        assert rollup.day is not None
        detail = rollup.detail or {}
        span = day_span(rollup.day, ZoneInfo(detail["zone"]))
        seen = [f for f in files if f.id in detail["sources"]]
        if not seen:
            continue
        unseen = {
            f.id
            for f in files
            if f.id not in detail["sources"]
            and f.min_ts is not None
            and f.max_ts is not None
            and span.meets(f.min_ts, f.max_ts)
        }
        files = [f for f in files if f.id not in unseen]
    return files
