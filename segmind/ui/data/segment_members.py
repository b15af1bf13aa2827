"""Present members of segments, for figures that are asked of them."""

from __future__ import annotations

import polars as pl

from segmind.segments import membership
from segmind.segments.member_files import MembersMissing, NotRefreshed
from segmind.ui.data import segments
from segmind.ui.store import store


def of_all() -> dict[int, pl.Series]:
    """Customer ids (Int64) by segment; without those that no scheduler has counted yet."""
    found = {segment.id: of(segment.id) for segment in segments.listed()}
    return {number: ids for number, ids in found.items() if ids is not None}


def of(segment_id: int) -> pl.Series | None:
    """Customer ids (Int64) of one segment; None: no scheduler has counted it yet."""
    try:
        return membership.members(store(), segment_id)
    except (NotRefreshed, MembersMissing):
        return None
