"""Telling usable rollups from stale ones.

A rollup names its zone and its sources: the event files that had rows for its day when it was made.
It is used only where all of these are still there and readable. A file that has rows for the day
and is not among the sources has arrived since: its rows are unseen, and so is the recent tail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events.catalogue import Entry
from segmind.events.merges import Merges
from segmind.events.rolled import Rolled, RolledDay
from segmind.events.rows import Rows, SealedFile
from segmind.events.spans import Span, day_span

#: With more sealed rows unseen, reading them beside the rollups costs more than rollups spare.
MOST_UNSEEN: Final = 2_000_000


def usable_rollups(
    lake: Path,
    entries: Sequence[Entry],
    faults: dict[str, str],
    rows: Rows,
    zone: ZoneInfo,
) -> Rolled:
    """The rollups among ``entries`` that tell the truth about ``rows``, in ``zone``.

    The recent ones of ``rows`` are left to ``with_recent``: files change seldom, these at once.
    """
    sources, days = _with_their_sources(lake, entries, rows, zone)
    for day, its in list(days.items()):
        if any(path.relative_to(lake).as_posix() in faults for path in its.paths):
            del sources[day], days[day]
    known_merges = _known_merges(lake, entries, faults)
    if not days or known_merges is None:
        return Rolled.nothing(rows, zone)
    unseen = list(_unseen(rows, sources, zone))
    if sum(file.rows for file, _ in unseen) > MOST_UNSEEN:
        return Rolled.nothing(rows, zone)
    merged = rows.merges.newer_than(known_merges)
    return Rolled(zone=zone, days=days, rows=rows, unseen=unseen, merged=merged)


def with_recent(rolled: Rolled, rows: Rows) -> Rolled:
    """The same rollups beside ``rows``, which differ from theirs in the recent ones."""
    if not rolled.days:
        return Rolled.nothing(rows, rolled.zone)
    unseen = list(rolled.unseen)
    end = day_span(max(rolled.days), rolled.zone).until
    if rows.recent.height and rows.recent["ts"].min() < end:  # type: ignore[operator]
        unseen.append((None, [Span(None, end)]))
    return replace(rolled, rows=rows, unseen=unseen)


def _with_their_sources(
    lake: Path, entries: Sequence[Entry], rows: Rows, zone: ZoneInfo
) -> tuple[dict[date, set[int]], dict[date, RolledDay]]:
    """The rollups whose sources are all there, up to the first one that lacks some.

    Later ones may count a session or an order as begun in rows that are gone. A rollup of before
    there were lists of order starts is left out, to be made again.
    """
    present = {f.id for f in rows.files}
    lists = {e.path: e for e in entries if e.kind in ("session_start", "order_start")}
    sources: dict[date, set[int]] = {}
    days: dict[date, RolledDay] = {}
    for entry in entries:
        detail = entry.detail or {}
        if entry.kind != "customer_day" or detail.get("zone") != zone.key:
            continue
        assert entry.day is not None
        if not present.issuperset(detail["sources"]):
            break
        if "orders" not in detail:
            continue
        its_starts, its_orders = lists[detail["starts"]], lists[detail["orders"]]
        sources[entry.day] = set(detail["sources"])
        days[entry.day] = RolledDay(
            rollup=lake / entry.path,
            rollup_rows=entry.rows,
            starts=lake / its_starts.path,
            start_rows=its_starts.rows,
            orders=lake / its_orders.path,
            order_rows=its_orders.rows,
        )
    return sources, days


def days_of(file: SealedFile, zone: ZoneInfo) -> list[date]:
    """The calendar days on which a file may have rows."""
    first = file.min_ts.astimezone(zone).date()
    last = file.max_ts.astimezone(zone).date()
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def _unseen(
    rows: Rows, sources: dict[date, set[int]], zone: ZoneInfo
) -> Iterator[tuple[SealedFile, list[Span]]]:
    last = max(sources)
    for file in rows.files:
        spans = [
            day_span(day, zone)
            for day in days_of(file, zone)
            if day <= last and file.id not in sources.get(day, ())
        ]
        if spans:
            yield file, spans


def _known_merges(lake: Path, entries: Sequence[Entry], faults: dict[str, str]) -> Merges | None:
    """The merges that all rollups know of; None when the file that says so cannot be read."""
    known = [e for e in entries if e.kind == "merges"]
    if not known:
        return Merges.none()
    if any(e.path in faults for e in known):
        return None
    return Merges(pl.read_parquet([lake / e.path for e in known]))
