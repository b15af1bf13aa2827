"""Who was in a segment on which day, kept cheaply: one small file for each segment and day.

The first refresh of a calendar day (in the workspace's zone) keeps its members. Days on which no
refresh ran, or before the segment existed, are filled on demand: computed from the log as of the
day's first instant, with the present rule. A changed rule begins a new line: what an earlier
version matched stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, select

from segmind.customers.facts import Facts, read_facts
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.db.locks import lock, lock_all
from segmind.errors import NotFound
from segmind.events import catalogue, files
from segmind.events.spans import start_of
from segmind.events.tables import event_file
from segmind.segments import day_files
from segmind.segments.compile import matching_many
from segmind.segments.day_files import DayDamaged, DayFile, Origin
from segmind.segments.fault import InvalidRule
from segmind.segments.member_files import lock_of
from segmind.segments.segment import Segment, get, list_segments, resolver

__all__ = [
    "DayDamaged",
    "DayFile",
    "Filled",
    "days",
    "fill",
    "keep",
    "kept",
    "members_on",
    "members_on_days",
    "missing",
    "prune",
]

#: How long days are kept: thirteen months, so that a year can be compared with the one before.
KEPT: Final = timedelta(days=400)
#: How far back ``fill`` goes unless told otherwise.
BACK: Final = timedelta(days=60)
#: Days computed in one go; a run that is interrupted loses at most so many.
BLOCK: Final = 7
JOB: Final = "segment_history"


class NotKept(NotFound):
    """The members of that day were not kept."""

    code = "day_not_kept"
    hint = "Fill the history, or ask for the members as of that moment."


@dataclass(frozen=True, slots=True)
class Filled:
    """What ``fill`` did. ``left``: days still missing. ``failed``: rules that cannot be asked."""

    days: int
    members: int
    left: int
    failed: dict[int, str]


def keep(conn: Connection, lake: Path, segment: Segment, members: pl.Series, as_of: datetime,
         zone: ZoneInfo) -> bool:  # fmt: skip
    """Keep the members (ascending) of a refresh, if it is the day's first with this rule.

    The caller holds the lock of the segment's members. Days after ``as_of`` were written before
    the clock was set back; they go. Returns whether the day was written.
    """
    day = as_of.astimezone(zone).date()
    known = day_files.of_segment(conn, segment.id)
    later = [each for each in known if each.as_of > as_of]
    same = [each for each in known if each.day == day and each not in later]
    is_kept = any(each.rule_hash == segment.rule.hash for each in same)
    gone = later if is_kept else [*later, *same]
    _retire(conn, gone, known)
    if is_kept:
        return False
    _write(conn, lake, segment, day, members, as_of, "refresh")
    return True


def kept(conn: Connection, segments: Collection[Segment], as_of: datetime,
         zone: ZoneInfo) -> set[int]:  # fmt: skip
    """Those of the segments for which ``keep`` has nothing to do."""
    day = as_of.astimezone(zone).date()
    near = day_files.near(conn, [each.id for each in segments], day, as_of)
    later = {each.segment_id for each in near if each.as_of > as_of}
    same = {(each.segment_id, each.rule_hash) for each in near if each.day == day}
    return {s.id for s in segments if s.id not in later and (s.id, s.rule.hash) in same}


def days(
    conn: Connection, segment_id: int, since: date | None = None, until: date | None = None
) -> list[DayFile]:
    """The days kept of a segment with their sizes, oldest first; no member file is opened.

    Raises:
        NotFound: there is no such segment.
    """
    get(conn, segment_id)
    return day_files.of_segment(conn, segment_id, since, until)


def members_on(store: Store, segment_id: int, day: date) -> pl.Series:
    """customer_id (Int64, ascending) of a day's members, under the ids that they have now.

    Raises:
        NotFound: there is no such segment, or the day was not kept.
        DayDamaged: its file cannot be read.
    """
    with store.engine.connect() as conn:
        known = days(conn, segment_id, until=day)
    kept = [each for each in known if each.day == day]
    if not kept:
        raise NotKept(what="day", key=day)
    return _mapped(day_files.read(store.lake, kept[0], known), read_facts(store))


def members_on_days(
    store: Store, segment_id: int, since: date, until: date
) -> dict[date, pl.Series]:
    """``members_on`` for every kept day from ``since`` to ``until``; days not kept are left out.

    Raises:
        NotFound, DayDamaged: see ``members_on``.
    """
    with store.engine.connect() as conn:
        known = days(conn, segment_id, until=until)
    facts = read_facts(store)
    return {
        each.day: _mapped(day_files.read(store.lake, each, known), facts)
        for each in known
        if each.day >= since
    }


def missing(conn: Connection, segment: Segment, facts: Facts, now: datetime,
            back: timedelta = BACK) -> list[date]:  # fmt: skip
    """The days before today that are not kept, newest first: at most ``back`` ago.

    Not before the log begins, and not beyond the newest day of another version of the rule.
    """
    first = facts.log.first_ts
    if first is None:
        return []
    today = now.astimezone(facts.zone).date()
    earliest = max(today - back, first.astimezone(facts.zone).date() + timedelta(days=1))
    kept = day_files.of_segment(conn, segment.id, until=today)
    others = [each.day for each in kept if each.rule_hash != segment.rule.hash]
    if others:
        earliest = max(earliest, max(others) + timedelta(days=1))
    have = {each.day for each in kept}
    every = (today - timedelta(days=n) for n in range(1, (today - earliest).days + 1))
    return [day for day in every if day not in have]


def fill(
    store: Store,
    now: datetime,
    segment_ids: Collection[int] | None = None,
    *,
    back: timedelta = BACK,
    most_days: int | None = None,
    as_job: bool = False,
) -> Filled:
    """Compute days that are missing, newest first, at most ``most_days`` (None: all).

    For the given segments, or all that are not archived. Blocks of a week are written oldest day
    first, so that each day is a change of the one before. ``as_job``: a job row shows how far it
    is. May run beside refreshes and other fills, and be repeated: a kept day stays as it is.
    """
    facts = read_facts(store)
    with store.engine.connect() as conn:
        segments = [s for s in list_segments(conn) if segment_ids is None or s.id in segment_ids]
    for segment in segments:
        with store.engine.begin() as conn:
            _heal(conn, store.lake, segment)
    with store.engine.connect() as conn:
        wanted = {s.id: missing(conn, s, facts, now, back) for s in segments}
    every = sorted({day for several in wanted.values() for day in several}, reverse=True)
    chosen = every[:most_days]
    if not chosen:
        return Filled(0, 0, 0, {})
    job = (
        jobs.start(store.engine, JOB, "Fill the history of segments", len(chosen)) if as_job else 0
    )
    failed: dict[int, str] = {}
    written = done = 0
    try:
        for block in _blocks(chosen):
            for day in block:
                due = [s for s in segments if day in wanted[s.id] and s.id not in failed]
                written += _fill_day(store, facts, due, day, failed)
                done += 1
                if job:
                    jobs.progress(store.engine, job, done, f"{day:%-d %B %Y}")
    except BaseException as error:
        if job:
            jobs.finish(
                store.engine, job, failed=f"Stopped after {done} days: {type(error).__name__}."
            )
        raise
    if job:
        jobs.finish(store.engine, job, result={"days": done, "members": written})
    return Filled(done, written, len(every) - len(chosen), failed)


def prune(store: Store, now: datetime, kept: timedelta = KEPT) -> int:
    """Drop the days that are older than ``kept``; returns how many.

    A day that a younger one's changes are against stays until that one goes.
    """
    with store.engine.begin() as conn:
        oldest = (now - kept).date()
        where = (event_file.c.kind == day_files.KIND) & (event_file.c.day < oldest)
        gone = 0
        query = select(event_file.c.subject_id).where(where).distinct()
        segment_ids = conn.execute(query).scalars().all()
        lock_all(conn, [lock_of(each) for each in segment_ids])
        for segment_id in segment_ids:
            known = day_files.of_segment(conn, segment_id)
            needed = _needed(known, [each for each in known if each.day >= oldest])
            old = [each.id for each in known if each.day < oldest and each.id not in needed]
            catalogue.retire(conn, old)
            gone += len(old)
    return gone


def _blocks(newest_first: list[date]) -> Iterator[list[date]]:
    for start in range(0, len(newest_first), BLOCK):
        yield newest_first[start : start + BLOCK][::-1]


def _fill_day(
    store: Store, facts: Facts, segments: list[Segment], day: date, failed: dict[int, str]
) -> int:
    """Compute and write one day of these segments; returns how many members were written."""
    as_of = start_of(day, facts.zone)
    with store.engine.connect() as conn:
        answers = _answers(segments, facts, as_of, conn, failed)
    for segment in segments:
        if segment.id in answers:
            _store(store, segment, day, answers[segment.id], as_of)
    return sum(ids.len() for ids in answers.values())


def _answers(
    segments: list[Segment], facts: Facts, as_of: datetime, conn: Connection, failed: dict[int, str]
) -> dict[int, pl.Series]:
    """The members of each; a rule that can no longer be asked must not stop the others."""
    resolve = resolver(conn)
    try:
        return matching_many({s.id: s.rule for s in segments}, facts, as_of, resolve)
    except InvalidRule:
        pass
    found: dict[int, pl.Series] = {}
    for segment in segments:
        try:
            found |= matching_many({segment.id: segment.rule}, facts, as_of, resolve)
        except InvalidRule as error:
            failed[segment.id] = str(error)
    return found


def _store(store: Store, segment: Segment, day: date, members: pl.Series, as_of: datetime) -> None:
    with store.engine.begin() as conn:
        lock(conn, lock_of(segment.id))
        present = get(conn, segment.id)
        is_kept = bool(day_files.of_segment(conn, segment.id, day, day))
        if not is_kept and present.rule.hash == segment.rule.hash:
            _write(conn, store.lake, segment, day, members, as_of, "filled")


def _write(
    conn: Connection,
    lake: Path,
    segment: Segment,
    day: date,
    members: pl.Series,
    as_of: datetime,
    origin: Origin,
) -> None:
    known = day_files.of_segment(conn, segment.id, until=day - timedelta(days=1))
    base, before = _base(lake, segment, known)
    day_files.write(
        conn,
        lake,
        segment_id=segment.id,
        day=day,
        members=members,
        as_of=as_of,
        rule_hash=segment.rule.hash,
        origin=origin,
        base=base,
        before=before,
    )


def _base(
    lake: Path, segment: Segment, known: list[DayFile]
) -> tuple[DayFile | None, pl.Series | None]:
    """The newest earlier day to write changes against, with its members; none: write everybody."""
    if not known or known[-1].rule_hash != segment.rule.hash:
        return None, None
    if known[-1].depth + 1 >= day_files.LONGEST_CHAIN:
        return None, None
    try:
        return known[-1], day_files.read(lake, known[-1], known)
    except DayDamaged:
        return None, None


def _heal(conn: Connection, lake: Path, segment: Segment) -> None:
    """Take days of the present rule that cannot be read out, so that they are missing again."""
    lock(conn, lock_of(segment.id))
    known = day_files.of_segment(conn, segment.id)
    mine = [each for each in known if each.rule_hash == segment.rule.hash]
    bad = [e for e in mine if files.fault_of(lake, e.path, e.bytes, e.checksum) is not None]
    _retire(conn, bad, known)


def _retire(conn: Connection, gone: list[DayFile], known: list[DayFile]) -> None:
    """Take files out with all whose changes are against them."""
    ids = {each.id for each in gone}
    while True:
        more = {each.id for each in known if each.base in ids} - ids
        if not more:
            break
        ids |= more
    catalogue.retire(conn, sorted(ids))


def _needed(known: list[DayFile], kept: list[DayFile]) -> set[int]:
    """The files that these days' changes are against, directly or through others."""
    by_id = {each.id: each for each in known}
    needed: set[int] = set()
    waiting = [each.base for each in kept]
    while waiting:
        base = waiting.pop()
        if base is not None and base not in needed and base in by_id:
            needed.add(base)
            waiting.append(by_id[base].base)
    return needed


def _mapped(members: pl.Series, facts: Facts) -> pl.Series:
    """The ids that these customers have now: of two who turned out to be one, one remains."""
    ids = members.to_frame().select(facts.log.rows.merges.mapped(pl.col("customer_id")))
    return ids["customer_id"].unique().sort()
