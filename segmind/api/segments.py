"""Segments: lists with sizes, what-ifs, members."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import Connection

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.segment_preview import in_rule
from segmind.api.segment_shapes import (
    BroughtBack,
    Member,
    Members,
    NewSegment,
    SegmentOut,
    Segments,
    SizeOut,
)
from segmind.api.shapes import AsOf, Cursor, Instant, Limit, PathId
from segmind.api.strict_json import StrictRoute
from segmind.automations import mentions as automation_mentions
from segmind.campaigns import mentions as campaign_mentions
from segmind.customers import queries
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.segments import archiving, known, membership, segment
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.compile import matching_many
from segmind.segments.describe import describe
from segmind.segments.naming import words_of
from segmind.segments.rule import parse
from segmind.segments.segment import Segment
from segmind.segments.words import Words
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/segments", tags=["Segments"], route_class=StrictRoute)
READING = [Depends(requires(Scope.SEGMENTS_READ))]
Reads = Annotated[Caller, Depends(requires(Scope.SEGMENTS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.SEGMENTS_WRITE))]


@router.get("")
def list_segments(
    store: StoreOf,
    caller: Reads,
    as_of: AsOf = None,
    archived: Annotated[bool, Query(description="True: those that were put away.")] = False,
) -> Segments:
    """Every segment with its size: of the newest refresh, or computed for the moment asked for."""
    _ensure(store, caller)
    with store.engine.connect() as conn:
        found = archiving.list_archived(conn) if archived else segment.list_segments(conn)
        words = words_of(conn)
        sizes = {s.id: _size(s) for s in found}
        if as_of is not None:
            facts, resolve = read_facts(store), segment.resolver(conn)
            answers = matching_many({s.id: s.rule for s in found}, facts, as_of, resolve)
            sizes = {key: SizeOut(size=ids.len(), as_of=as_of) for key, ids in answers.items()}
    return Segments(segments=[_out(s, sizes.get(s.id), words) for s in found])


@router.post("/create", status_code=HTTPStatus.CREATED)
def create(store: StoreOf, caller: Writes, body: NewSegment, response: Response) -> SegmentOut:
    """Save a segment and compute its members at once."""
    now = clock.now()
    with in_rule(), store.engine.begin() as conn:
        rule = parse(body.rule)
        known.check(rule, read_facts(store))
        made = segment.create(
            conn,
            body.name,
            rule,
            description=body.description,
            actor=caller.actor,
            now=now,
        )
    membership.ensure(store, made.id, now)
    response.headers["Location"] = f"/segments/{made.id}"
    return get(store, made.id)


@router.get("/{segment_id}", dependencies=READING)
def get(store: StoreOf, segment_id: PathId) -> SegmentOut:
    """One segment with its newest size; computed now if it never was."""
    with store.engine.connect() as conn:
        found = segment.get(conn, segment_id)
    if _size(found) is None and not found.archived:
        membership.refresh(store, clock.now(), [segment_id])
    with store.engine.connect() as conn:
        found = segment.get(conn, segment_id)
        return _out(found, _size(found), words_of(conn))


@router.post("/{segment_id}/archive")
def archive(store: StoreOf, caller: Writes, segment_id: PathId) -> SegmentOut:
    """Put it away: it leaves the lists and is not counted any more. Its history stays."""
    with store.engine.begin() as conn:
        archiving.archive(conn, segment_id, actor=caller.actor, now=clock.now(), used_by=_used_by)
    return get(store, segment_id)


@router.post("/{segment_id}/restore")
def restore(
    store: StoreOf, caller: Writes, segment_id: PathId, body: BroughtBack | None = None
) -> SegmentOut:
    """Bring an archived one back and count it at once; nobody enters or leaves by that."""
    name = body.name if body else None
    with store.engine.begin() as conn:
        archiving.restore(conn, segment_id, name=name, actor=caller.actor, now=clock.now())
    membership.ensure(store, segment_id, clock.now())
    return get(store, segment_id)


@router.get("/{segment_id}/customers")
def customers(
    store: StoreOf,
    caller: Reads,
    segment_id: PathId,
    after: Cursor = None,
    limit: Limit = 100,
    as_of: Annotated[Instant | None, Query()] = None,
) -> Members:
    """The members, a page at a time: of the newest refresh, or computed for a past moment."""
    if as_of is not None:
        ids = membership.members(store, segment_id, as_of)
        rest = ids.filter(ids > (after or 0)).head(limit + 1).to_list()
        more = rest[limit - 1] if len(rest) > limit else None
        page = membership.Page(rest[:limit], more, ids.len())
        moment = as_of
    else:
        membership.ensure(store, segment_id, clock.now())
        page = membership.page(store, segment_id, after or 0, limit)
        with store.engine.connect() as conn:
            newest = segment.get(conn, segment_id).size
        moment = newest.as_of if newest else clock.now()
    return Members(
        segment_id=segment_id,
        total=page.total,
        as_of=moment,
        customers=_members(store, caller, page.customer_ids),
        next=page.next_after,
    )


def _members(store: Store, caller: Caller, ids: list[int]) -> list[Member]:
    if not caller.allows(Scope.CUSTOMERS_READ):
        return [Member(id=each) for each in ids]
    with store.engine.connect() as conn:
        known = queries.get_many(conn, ids)
    found = []
    for each in ids:
        row = known.get(each)
        found.append(
            Member(id=each)
            if row is None
            else Member(id=each, external_id=row.external_id, name=row.name, email=row.email)
        )
    return found


def _ensure(store: Store, caller: Caller) -> None:
    """The built-in segments are there, and whatever was never computed is computed now."""
    now = clock.now()
    with store.engine.begin() as conn:
        found = segment.list_segments(conn, include_archived=True)
        if {s.key for s in found} < {b.key for b in BUILT_INS} | {None}:
            segment.ensure_built_ins(conn, caller.actor, now)
            found = segment.list_segments(conn, include_archived=True)
    due = [s.id for s in found if not s.archived and _size(s) is None]
    if due:
        membership.refresh(store, now, due)


def _size(found: Segment) -> SizeOut | None:
    """The newest size, unless the rule was changed since."""
    if found.size is None or found.size.rule_hash != found.rule.hash:
        return None
    return SizeOut(
        size=found.size.size,
        as_of=found.size.as_of,
        entered=found.size.entered,
        left=found.size.left,
        reach=found.size.reach,
    )


def _used_by(conn: Connection, segment_id: int) -> list[str]:
    return campaign_mentions.using_segment(conn, segment_id) + automation_mentions.using_segment(
        conn, segment_id
    )


def _out(found: Segment, size: SizeOut | None, words: Words) -> SegmentOut:
    return SegmentOut(
        id=found.id,
        key=found.key,
        name=found.name,
        description=found.description,
        sentence=describe(found.rule, words),
        rule=found.rule.as_json(),
        is_built_in=found.is_built_in,
        archived=found.archived,
        size=size,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
