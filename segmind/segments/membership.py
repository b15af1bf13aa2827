"""Who is in which segment, kept up to date, with who entered and who left as events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection

from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.events.schema import Kind, Source
from segmind.segments import member_files, reach
from segmind.segments.compile import compiled, matching, matching_many
from segmind.segments.fault import InvalidRule
from segmind.segments.linking import Resolve
from segmind.segments.member_files import MemberFile, MembersMissing, NotRefreshed
from segmind.segments.segment import Segment, get, list_segments, resolver
from segmind.segments.tables import segment_size

#: Events per call of ingest: bounds the memory of a refresh in which many customers move.
_PORTION: Final = 20_000


@dataclass(frozen=True, slots=True)
class Refreshed:
    """One segment's refresh. A baseline (first, or after a change of rule) moves nobody."""

    segment_id: int
    size: int
    entered: int
    left: int
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did. ``skipped``: already refreshed at this moment or later.

    ``failed``: segments whose rule can no longer be asked, with the reason.
    """

    as_of: datetime
    refreshed: tuple[Refreshed, ...] = ()
    skipped: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some members, ascending by id. ``next_after`` fetches the page that follows; None: the end.

    ``total`` is the segment's size.
    """

    customer_ids: list[int]
    next_after: int | None
    total: int


def refresh_all(store: Store, as_of: datetime) -> RefreshReport:
    """Recompute every segment that is not archived, in one pass over the log.

    Writes the members, a row of ``segment_size`` and the ``segment_entered`` and ``segment_left``
    events of those who moved since the refresh before, a transaction for each segment. The first
    time, and the first time after a change of rule, is a baseline: nobody moved. Asked again for
    the same moment, or for an earlier one, it does nothing.
    """
    return refresh(store, as_of, None)


def refresh(store: Store, as_of: datetime, segment_ids: Collection[int] | None) -> RefreshReport:
    """``refresh_all`` for some segments (None: for all that are not archived)."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        segments = [s for s in list_segments(conn) if segment_ids is None or s.id in segment_ids]
        due = [s for s in segments if s.size is None or s.size.as_of < as_of]
        skipped = tuple(s.id for s in segments if s not in due)
        resolve = resolver(conn)
        failed = _unusable(due, facts, as_of, resolve)
        rules = {s.id: s.rule for s in due if s.id not in failed}
        answers = matching_many(rules, facts, as_of, resolve)
    reached = _reach(facts, answers)
    outcomes = {
        segment.id: _store(store, facts, segment, answers[segment.id], reached[segment.id], as_of)
        for segment in due
        if segment.id in answers
    }
    done = tuple(outcome for outcome in outcomes.values() if outcome is not None)
    overtaken = tuple(n for n, outcome in outcomes.items() if outcome is None)
    return RefreshReport(as_of, done, skipped + overtaken, failed)


def ensure(store: Store, segment_id: int, as_of: datetime) -> None:
    """Compute the segment now if it never was, or if its rule changed since.

    Raises:
        NotFound: there is no such segment.
        InvalidRule: its rule can no longer be asked.
    """
    with store.engine.connect() as conn:
        segment = get(conn, segment_id)
    if segment.size is not None and segment.size.rule_hash == segment.rule.hash:
        return
    report = refresh(store, as_of, [segment_id])
    if segment_id in report.failed:
        with store.engine.connect() as conn:
            compiled(segment.rule, read_facts(store), as_of, resolver(conn))


def members(store: Store, segment_id: int, as_of: datetime | None = None) -> pl.Series:
    """customer_id (Int64, ascending) of the members at the newest refresh, or at a past moment.

    A past moment is computed from the log with the present rule.

    Raises:
        NotFound: there is no such segment.
        NotRefreshed: it has not been computed yet, and no ``as_of`` is given.
        InvalidRule: its rule can no longer be asked.
    """
    with store.engine.connect() as conn:
        segment = get(conn, segment_id)
        if as_of is not None:
            found = matching(segment.rule, read_facts(store), as_of, resolver(conn))
            return found.collect()["customer_id"].sort()
        return _file(conn, store, segment_id).read()


def page(store: Store, segment_id: int, after: int = 0, limit: int = 100) -> Page:
    """The members at the newest refresh whose ids come after ``after``, at most ``limit``.

    Raises:
        NotFound, NotRefreshed: see ``members``.
    """
    with store.engine.connect() as conn:
        get(conn, segment_id)
        file = _file(conn, store, segment_id)
    rows = file.scan().filter(pl.col("customer_id") > after).head(limit + 1)
    try:
        ids: list[int] = rows.collect()["customer_id"].to_list()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise MembersMissing() from error
    more = len(ids) > limit
    return Page(ids[:limit], ids[limit - 1] if more else None, file.rows)


def _file(conn: Connection, store: Store, segment_id: int) -> MemberFile:
    file = member_files.find(conn, store.lake, segment_id)
    if file is None:
        raise NotRefreshed()
    return file


def _unusable(
    segments: Iterable[Segment], facts: Facts, as_of: datetime, resolve: Resolve
) -> dict[int, str]:
    """The segments whose rules cannot be asked; they must not stop the others."""
    failed: dict[int, str] = {}
    for segment in segments:
        try:
            compiled(segment.rule, facts, as_of, resolve)
        except InvalidRule as error:
            failed[segment.id] = str(error)
    return failed


def _reach(facts: Facts, answers: Mapping[int, pl.Series]) -> dict[int, dict[str, int]]:
    """Whom marketing may reach, by segment and channel; the customers are screened once."""
    screened = facts.customers
    for channel in reach.CHANNELS:
        screened = reach.with_reachable(screened, channel, channel)
    known = screened.select("customer_id", *reach.CHANNELS).collect()
    sums = [pl.col(channel).sum() for channel in reach.CHANNELS]
    return {
        segment_id: known.join(ids.to_frame(), on="customer_id", how="semi")
        .select(sums)
        .row(0, named=True)
        for segment_id, ids in answers.items()
    }


def _store(
    store: Store,
    facts: Facts,
    segment: Segment,
    members: pl.Series,
    reached: Mapping[str, int],
    as_of: datetime,
) -> Refreshed | None:
    """Replace the members and record who moved; None if somebody was faster."""
    with store.engine.begin() as conn:
        lock(conn, f"segment members {segment.id}")
        last = get(conn, segment.id).size
        if last is not None and last.as_of >= as_of:
            return None
        file = member_files.find(conn, store.lake, segment.id)
        before = _before(file, facts)
        is_baseline = last is None or before is None or last.rule_hash != segment.rule.hash
        entered, left = _moved(before, members, is_baseline)
        member_files.replace(conn, store.lake, segment.id, members, as_of, file)
        values = {
            "segment_id": segment.id,
            "as_of": as_of,
            "size": members.len(),
            "entered": entered.len(),
            "left": left.len(),
            "rule_hash": segment.rule.hash,
            **{f"reach_{channel}": reached[channel] for channel in reach.CHANNELS},
        }
        conn.execute(segment_size.insert().values(values))
        _append(conn, segment.id, Kind.SEGMENT_ENTERED, entered, as_of)
        _append(conn, segment.id, Kind.SEGMENT_LEFT, _present(left, facts), as_of)
    return Refreshed(segment.id, members.len(), entered.len(), left.len(), is_baseline)


def _before(file: MemberFile | None, facts: Facts) -> pl.Series | None:
    """The members of the refresh before, under the ids that they have now; None: unknown."""
    if file is None:
        return None
    try:
        ids = file.read()
    except MembersMissing:
        return None
    merges = facts.log.rows.merges
    now = ids.to_frame().select(merges.mapped(pl.col("customer_id")))
    return now["customer_id"].unique()


def _moved(
    before: pl.Series | None, now: pl.Series, is_baseline: bool
) -> tuple[pl.Series, pl.Series]:
    """Who entered and who left, ascending."""
    if before is None or is_baseline:
        return now.head(0), now.head(0)
    entered = now.filter(~now.is_in(before.implode()))
    left = before.filter(~before.is_in(now.implode()))
    return entered.sort(), left.sort()


def _present(ids: pl.Series, facts: Facts) -> pl.Series:
    """Those of ``ids`` who still are customers: nothing is written about the erased."""
    if ids.is_empty():
        return ids
    rows = ids.to_frame().lazy().join(facts.customers, on="customer_id", how="semi")
    return rows.collect()["customer_id"].sort()


def _append(
    conn: Connection, segment_id: int, kind: Kind, customers: pl.Series, as_of: datetime
) -> None:
    for start in range(0, customers.len(), _PORTION):
        events = [
            NewEvent(
                event_id=f"segment:{segment_id}:{customer}:{kind.event_name}:{as_of.isoformat()}",
                name=kind.event_name,
                ts=as_of,
                customer_id=customer,
                source_kind=int(Source.SEGMENT),
                source_id=segment_id,
            )
            for customer in customers.slice(start, _PORTION).to_list()
        ]
        ingest.append(conn, events, received_at=as_of)
