"""Segments in time: kept days, movements and their causes, the matrix of moves, the next move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.segment_time_shapes import (
    CauseOut,
    CustomerSegment,
    CustomerSegments,
    DayMembers,
    DayOut,
    Days,
    ExplainedOut,
    Fill,
    FilledOut,
    GroupOut,
    MembershipOut,
    MigrationOut,
    MovementsOut,
    NextMoveOut,
    TurnOut,
)
from segmind.api.shapes import AsOf, Cursor, Instant, Limit, PathId, present
from segmind.api.strict_json import StrictRoute
from segmind.customers import queries
from segmind.customers.facts import Facts, read_facts
from segmind.errors import InvalidInput
from segmind.segments import history, rfm, segment
from segmind.segments.explain import Explained, explain
from segmind.segments.fault import InvalidRule
from segmind.segments.migration import MOST_SEGMENTS, Migration, migration, rfm_rules
from segmind.segments.movements import movements
from segmind.segments.naming import words_of
from segmind.segments.next_move import NextMove, next_move
from segmind.segments.notices import notice
from segmind.segments.segment import Segment
from segmind.workspace.api_keys import Scope

router = APIRouter(tags=["Segments"], route_class=StrictRoute)
READING = [Depends(requires(Scope.SEGMENTS_READ))]
Reads = Annotated[Caller, Depends(requires(Scope.SEGMENTS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.SEGMENTS_WRITE))]
Since = Annotated[
    Instant | None, Query(description="The earlier moment; leave out for a week before `until`.")
]
Until = Annotated[Instant | None, Query(description="The later moment; leave out for now.")]
Chosen = Annotated[
    list[int] | None,
    Query(
        alias="segment_id",
        max_length=MOST_SEGMENTS,
        description="Repeat for each segment; the order is the priority. All where left out.",
    ),
]
_WEEK = timedelta(days=7)


@router.get("/segments/migration", dependencies=READING)
def moves(
    store: StoreOf,
    chosen: Chosen = None,
    since: Since = None,
    until: Until = None,
    groups: Annotated[
        Literal["segments", "rfm"], Query(description="`rfm`: between the RFM groups instead.")
    ] = "segments",
) -> MigrationOut:
    """How many customers moved from one segment, or RFM group, to another between two moments."""
    first, last = _stretch(since, until)
    facts = read_facts(store)
    if groups == "rfm":
        named = [(None, group.name) for group in rfm.GROUPS]
        return _matrix(migration(rfm_rules(), facts, first, last), named, notice(facts, first))
    with store.engine.connect() as conn:
        found = chosen_segments(conn, chosen)
        rules = {s.id: s.rule for s in found}
        matrix = migration(rules, facts, first, last, segment.resolver(conn))
    return _matrix(matrix, [(s.id, s.name) for s in found], notice(facts, first))


def _matrix(
    matrix: Migration[Any], groups: Sequence[tuple[int | None, str]], said: str
) -> MigrationOut:
    names = [*groups, (None, "In none")]
    return MigrationOut(
        since=matrix.since,
        until=matrix.until,
        groups=[
            GroupOut(id=number, name=name, before=before, after=after)
            for (number, name), before, after in zip(
                names, matrix.before, matrix.after, strict=True
            )
        ],
        counts=[list(row) for row in matrix.counts],
        customers=matrix.customers,
        stayed=matrix.stayed,
        moved=matrix.moved,
        came=matrix.came,
        left=matrix.left,
        notice=said,
    )


@router.post("/segments/days/fill")
def fill(store: StoreOf, caller: Writes, body: Fill) -> FilledOut:
    """Compute the members of past days that were not kept, newest first, with the present rules."""
    del caller
    with store.engine.connect() as conn:
        for number in body.segment_ids or ():
            segment.get(conn, number)
    done = history.fill(
        store,
        clock.now(),
        body.segment_ids,
        back=timedelta(days=body.back_days),
        most_days=body.most_days,
    )
    return FilledOut(days=done.days, members=done.members, left=done.left, failed=done.failed)


@router.get("/segments/{segment_id}/days", dependencies=READING)
def days(
    store: StoreOf,
    segment_id: PathId,
    since: Annotated[date | None, Query(description="First day, included.")] = None,
    until: Annotated[date | None, Query(description="Last day, included.")] = None,
) -> Days:
    """The sizes of the days that were kept, in the workspace's zone."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        kept = history.days(conn, segment_id, since, until)
        open_days = history.missing(conn, segment.get(conn, segment_id), facts, clock.now())
    return Days(
        segment_id=segment_id,
        zone=facts.zone.key,
        days=[
            DayOut(
                day=each.day,
                size=each.size,
                as_of=each.as_of,
                rule=each.rule_hash,
                origin=each.origin,
                bytes=each.bytes,
            )
            for each in kept
        ],
        missing=open_days,
    )


@router.get("/segments/{segment_id}/days/{day}", dependencies=READING)
def members_of_day(
    store: StoreOf, segment_id: PathId, day: date, after: Cursor = None, limit: Limit = 100
) -> DayMembers:
    """The members of one kept day, a page at a time."""
    ids = history.members_on(store, segment_id, day)
    rest = ids.filter(ids > (after or 0)).head(limit + 1).to_list()
    return DayMembers(
        segment_id=segment_id,
        day=day,
        total=ids.len(),
        customer_ids=rest[:limit],
        next=rest[limit - 1] if len(rest) > limit else None,
    )


@router.get("/segments/{segment_id}/movements", dependencies=READING)
def moved(
    store: StoreOf,
    segment_id: PathId,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
) -> MovementsOut:
    """Who entered and who left between two moments, and which condition made the difference."""
    first, last = _stretch(since, until)
    facts = read_facts(store)
    with store.engine.connect() as conn:
        one = segment.get(conn, segment_id)
        words = words_of(conn)
        found = movements(one.rule, facts, first, last, segment.resolver(conn), words)
    return MovementsOut(
        segment_id=segment_id,
        since=first,
        until=last,
        entered=found.entered.len(),
        left=found.left.len(),
        stayed=found.stayed,
        causes=[CauseOut.model_validate(each, from_attributes=True) for each in found.causes],
        entered_ids=found.entered.head(limit).to_list(),
        left_ids=found.left.head(limit).to_list(),
        notice=notice(facts, first),
    )


@router.get("/segments/{segment_id}/customers/{customer_id}")
def membership_of(
    store: StoreOf, caller: Reads, segment_id: PathId, customer_id: PathId, as_of: AsOf = None
) -> MembershipOut:
    """Whether a customer is in a segment and why, and when time alone will change that."""
    caller.require(Scope.CUSTOMERS_READ)
    facts, moment = read_facts(store), present(as_of)
    with store.engine.connect() as conn:
        one = segment.get(conn, segment_id)
        known = queries.get(conn, customer_id).id
        resolve, words = segment.resolver(conn), words_of(conn)
        why = explain(one.rule, facts, known, moment, resolve, words)
        then = next_move(one.rule, facts, known, moment, resolve, words)
    return MembershipOut(
        segment_id=segment_id,
        customer_id=known,
        as_of=moment,
        is_member=why.met,
        why=_explained(why),
        next_move=_next(then),
    )


@router.get("/customers/{customer_id}/segments", tags=["Customers"])
def segments_of(
    store: StoreOf,
    caller: Reads,
    customer_id: PathId,
    as_of: AsOf = None,
    next_move: Annotated[bool, Query(description="Tell also when time will change it.")] = False,
) -> CustomerSegments:
    """In which segments a customer is at a moment; unusable rules are left out."""
    caller.require(Scope.CUSTOMERS_READ)
    facts, moment = read_facts(store), present(as_of)
    found = []
    with store.engine.connect() as conn:
        known = queries.get(conn, customer_id).id
        for each in segment.list_segments(conn):
            one = _customer_segment(conn, each, facts, known, moment, with_next=next_move)
            if one is not None:
                found.append(one)
    return CustomerSegments(customer_id=known, as_of=moment, segments=found)


def _customer_segment(
    conn: Connection,
    one: Segment,
    facts: Facts,
    customer_id: int,
    at: datetime,
    *,
    with_next: bool,
) -> CustomerSegment | None:
    resolve = segment.resolver(conn)
    try:
        if with_next:
            then = next_move(one.rule, facts, customer_id, at, resolve, words_of(conn))
            is_member, move = then.is_member, _next(then)
        else:
            is_member, move = explain(one.rule, facts, customer_id, at, resolve).met, None
    except InvalidRule:
        return None
    return CustomerSegment(segment_id=one.id, name=one.name, is_member=is_member, next_move=move)


def chosen_segments(conn: Connection, ids: list[int] | None) -> list[Segment]:
    """The segments of these ids in this order, each once; all that are not archived without any.

    Raises:
        NotFound: there is none of an id.
    """
    if not ids:
        return segment.list_segments(conn)[:MOST_SEGMENTS]
    return [segment.get(conn, number) for number in dict.fromkeys(ids)]


def _stretch(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    last = present(until)
    first = since or last - _WEEK
    if first > last:
        raise InvalidInput("since is later than until.", field="since", hint="Swap the two.")
    return first, last


def _explained(node: Explained) -> ExplainedOut:
    return ExplainedOut(
        path=node.path,
        kind=node.kind,
        sentence=node.sentence,
        met=node.met,
        detail=node.detail,
        children=[_explained(child) for child in node.children],
    )


def _next(found: NextMove) -> NextMoveOut:
    return NextMoveOut(
        at=found.at,
        enters=None if found.at is None else not found.is_member,
        turns=[TurnOut.model_validate(each, from_attributes=True) for each in found.turns],
        assumed=list(found.assumed),
        refused=found.refused,
    )
