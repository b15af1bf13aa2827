"""How large segments were over time: one row for each refresh, after a week one an hour."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, text, true

from segmind.segments.reach import CHANNELS
from segmind.segments.tables import segment, segment_size

#: Until then every refresh keeps its row. Fifty segments refreshed each minute make 26 million rows
#: a year, of which an hour's last ones are 438,000.
EVERY_REFRESH: Final = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Size:
    """A segment's size at one moment.

    ``entered`` and ``left`` count since the row before; both are 0 when the rule is new or was
    changed, which ``rule_hash`` tells. ``reach`` counts by channel whom marketing may reach.
    """

    segment_id: int
    as_of: datetime
    size: int
    entered: int
    left: int
    reach: dict[str, int]
    rule_hash: str


def latest(conn: Connection, segment_ids: Collection[int] | None = None) -> dict[int, Size]:
    """The newest size of every segment that was ever refreshed, by segment id; or of these only."""
    # One descent of the index for each: a refresh a minute makes half a million rows a year.
    newest = (
        select(segment_size)
        .where(segment_size.c.segment_id == segment.c.id)
        .order_by(segment_size.c.as_of.desc())
        .limit(1)
        .lateral("newest")
    )
    query = select(newest).select_from(segment.join(newest, true()))
    if segment_ids is not None:
        query = query.where(segment.c.id.in_(segment_ids))
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


def first(conn: Connection, segment_id: int, since: datetime) -> Size | None:
    """The size at the first refresh at or after ``since``; None where there was none."""
    query = (
        select(segment_size)
        .where(segment_size.c.segment_id == segment_id, segment_size.c.as_of >= since)
        .order_by(segment_size.c.as_of)
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else _size(row)


def hourly(conn: Connection, segment_id: int, since: datetime) -> list[Size]:
    """The last size of every hour (UTC), oldest first; ``entered`` and ``left`` of all the hour."""
    of = segment_size.c
    hour = func.date_trunc("hour", of.as_of, "UTC")
    query = (
        select(
            segment_size,
            func.sum(of.entered).over(partition_by=hour).label("came"),
            func.sum(of.left).over(partition_by=hour).label("went"),
        )
        .distinct(hour)
        .where(of.segment_id == segment_id, of.as_of >= since)
        .order_by(hour, of.as_of.desc())
    )
    rows = conn.execute(query).mappings()
    return [_size({**row, "entered": int(row["came"]), "left": int(row["went"])}) for row in rows]


def thin(conn: Connection, now: datetime) -> int:
    """Leave one row an hour of a rule where older than ``EVERY_REFRESH``; returns how many went.

    The hour's last row stays, with whoever entered and left in that hour. A repeat changes nothing.
    """
    before = {"before": now - EVERY_REFRESH}
    conn.execute(_ADDED_UP, before)
    return conn.execute(_THINNED, before).rowcount


_HOURS: Final = """
    SELECT segment_id, rule_hash, date_trunc('hour', as_of, 'UTC') AS hour, max(as_of) AS newest,
           sum(entered) AS entered, sum("left") AS "left"
    FROM segment_size WHERE as_of < date_trunc('hour', CAST(:before AS timestamptz), 'UTC')
    GROUP BY segment_id, rule_hash, hour HAVING count(*) > 1
"""
_ADDED_UP: Final = text(f"""
    UPDATE segment_size AS one SET entered = hours.entered, "left" = hours."left"
    FROM ({_HOURS}) AS hours
    WHERE one.segment_id = hours.segment_id AND one.as_of = hours.newest
""")
_THINNED: Final = text(f"""
    DELETE FROM segment_size AS one USING ({_HOURS}) AS hours
    WHERE one.segment_id = hours.segment_id AND one.rule_hash = hours.rule_hash
      AND date_trunc('hour', one.as_of, 'UTC') = hours.hour AND one.as_of < hours.newest
""")


def _size(row: RowMapping | dict[Any, Any]) -> Size:
    return Size(
        segment_id=row["segment_id"],
        as_of=row["as_of"],
        size=row["size"],
        entered=row["entered"],
        left=row["left"],
        reach={channel: row[f"reach_{channel}"] or 0 for channel in CHANNELS},
        rule_hash=row["rule_hash"],
    )
