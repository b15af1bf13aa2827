"""Who would miss a segment: campaigns that are not over, and automations."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from segmind.automations import mentions
from segmind.campaigns import campaign
from segmind.campaigns.lifecycle import FINAL, Status

#: Of each status; nobody has more campaigns that wait or run.
_MOST: Final = 1_000


def used_by(conn: Connection, segment_id: int) -> list[str]:
    """``the campaign “Spring sale”``, ``the automation “Welcome”`` for each that refers to it."""
    return [
        f"the campaign “{each.name}”"
        for status in Status
        if status not in FINAL
        for each in campaign.list_campaigns(conn, status=status, limit=_MOST)
        if segment_id in {each.segment_id, *each.exclude_segment_ids}
    ] + mentions.using_segment(conn, segment_id)
