"""How large segments were over time: one row for each refresh."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, true

from segmind.segments.reach import CHANNELS
from segmind.segments.tables import segment, segment_size


@dataclass(frozen=True, slots=True)
class Size:
    """A segment's size at one moment.

    ``entered`` and ``left`` count since the refresh before; both are 0 when the rule is new or was
    changed, which ``rule_hash`` tells. ``reach`` counts by channel whom marketing may reach.
    """

    segment_id: int
    as_of: datetime
    size: int
    entered: int
    left: int
    reach: dict[str, int]
    rule_hash: str


def latest(conn: Connection, segment_id: int | None = None) -> dict[int, Size]:
    """The newest size of every segment that was ever refreshed, by segment id; or of one only."""
    # One descent of the index for each: a refresh a minute makes half a million rows a year.
    newest = (
        select(segment_size)
        .where(segment_size.c.segment_id == segment.c.id)
        .order_by(segment_size.c.as_of.desc())
        .limit(1)
        .lateral("newest")
    )
    query = select(newest).select_from(segment.join(newest, true()))
    if segment_id is not None:
        query = query.where(segment.c.id == segment_id)
    return {row["segment_id"]: _size(row) for row in conn.execute(query).mappings()}


def history(conn: Connection, segment_id: int, since: datetime | None = None) -> list[Size]:
    """The sizes of one segment, oldest first."""
    query = (
        select(segment_size)
        .where(segment_size.c.segment_id == segment_id)
        .order_by(segment_size.c.as_of)
    )
    if since is not None:
        query = query.where(segment_size.c.as_of >= since)
    return [_size(row) for row in conn.execute(query).mappings()]


def _size(row: RowMapping) -> Size:
    return Size(
        segment_id=row["segment_id"],
        as_of=row["as_of"],
        size=row["size"],
        entered=row["entered"],
        left=row["left"],
        reach={channel: row[f"reach_{channel}"] or 0 for channel in CHANNELS},
        rule_hash=row["rule_hash"],
    )
