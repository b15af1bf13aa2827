"""Members as sets: how segments overlap, and members as a file."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.segment_time import Chosen, chosen_segments
from segmind.api.segment_time_shapes import OverlapOut
from segmind.api.shapes import AsOf, PathId
from segmind.api.strict_json import StrictRoute
from segmind.customers.facts import read_facts
from segmind.segments import export, membership, segment
from segmind.segments.compile import matching_many
from segmind.segments.export import Export
from segmind.segments.notices import notice
from segmind.segments.overlap import overlap
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/segments", tags=["Segments"], route_class=StrictRoute)
READING = [Depends(requires(Scope.SEGMENTS_READ))]
Reads = Annotated[Caller, Depends(requires(Scope.SEGMENTS_READ))]


@router.get("/overlap", dependencies=READING)
def overlaps(store: StoreOf, chosen: Chosen = None, as_of: AsOf = None) -> OverlapOut:
    """How many customers every two segments have in common: at the newest refresh, or then."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        wanted = chosen_segments(conn, chosen)
        rules = {s.id: s.rule for s in wanted}
        if as_of is not None:
            then = matching_many(rules, facts, as_of, segment.resolver(conn))
            members = {s.id: then[s.id] for s in wanted}
    if as_of is None:
        for each in wanted:
            membership.ensure(store, each.id, clock.now())
        members = {s.id: membership.members(store, s.id) for s in wanted}
    found = overlap(members)
    places = range(len(wanted))
    return OverlapOut(
        segment_ids=list(found.segment_ids),
        names=[s.name for s in wanted],
        counts=[list(row) for row in found.counts],
        shares=[[found.share(row, column) for column in places] for row in places],
        only=list(found.only),
        anybody=found.anybody,
        as_of=as_of,
        notice="" if as_of is None else notice(facts, as_of),
    )


@router.get("/{segment_id}/export", response_class=StreamingResponse)
def exported(
    store: StoreOf,
    caller: Reads,
    segment_id: PathId,
    file_format: Annotated[Literal["csv", "parquet"], Query(alias="format")] = "csv",
    personal_data: Annotated[
        bool, Query(description="Names, addresses, traits and consents; needs customers:read.")
    ] = False,
    as_of: AsOf = None,
) -> StreamingResponse:
    """The members as a file, ids ascending; `X-Total-Count` tells the rows. Audited.

    Ids only, unless personal data is asked for. No text in the CSV is a formula.
    """
    if personal_data:
        caller.require(Scope.CUSTOMERS_READ)
    made = export.export(
        store,
        segment_id,
        file_format,
        personal=personal_data,
        as_of=as_of,
        actor=caller.actor,
        now=clock.now(),
    )
    return as_download(made)


def as_download(made: Export) -> StreamingResponse:
    """The export as an answer that a browser saves."""
    headers = {
        "Content-Disposition": f'attachment; filename="{made.file_name}"',
        "X-Total-Count": str(made.total),
        "X-As-Of": made.as_of.isoformat(),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)
