"""Members of segments, for figures that are asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import polars as pl
from fastapi import Query

from segmind import clock
from segmind.api.shapes import MOST_ID
from segmind.db.engine import Store
from segmind.segments import membership, segment
from segmind.segments.segment import Segment

SegmentId = Annotated[
    int | None,
    Query(ge=1, le=MOST_ID, description="Only messages to the present members of this segment."),
]


def members_of(store: Store, segment_id: int | None) -> pl.Series | None:
    """Customer ids (Int64) of one segment's present members; None of none.

    Raises:
        UnknownSegment: there is no such segment.
    """
    if segment_id is None:
        return None
    with store.engine.connect() as conn:
        found = segment.get(conn, segment_id)
    return members_by_id(store, [found])[segment_id]


def every_segment(store: Store) -> tuple[dict[int, str], dict[int, pl.Series]]:
    """Names and present members of all segments, by id."""
    with store.engine.connect() as conn:
        known = segment.list_segments(conn)
    return {each.id: each.name for each in known}, members_by_id(store, known)


def members_by_id(store: Store, segments: Sequence[Segment]) -> dict[int, pl.Series]:
    """Present members of these segments; what never was refreshed is, first."""
    membership.refresh(store, clock.now(), [each.id for each in segments if each.size is None])
    return {each.id: membership.members(store, each.id) for each in segments}
