"""Campaigns that would miss something that is taken away."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from segmind.campaigns import campaign
from segmind.campaigns.lifecycle import FINAL, Status

#: Of each status; nobody has more campaigns that wait or run.
_MOST: Final = 1_000


def using_segment(conn: Connection, segment_id: int) -> list[str]:
    """``the campaign “Spring sale”`` for each that is not over and sends to the segment or leaves
    it out."""
    return [
        f"the campaign “{each.name}”"
        for status in Status
        if status not in FINAL
        for each in campaign.list_campaigns(conn, status=status, limit=_MOST)
        if segment_id in {each.segment_id, *each.exclude_segment_ids}
    ]
