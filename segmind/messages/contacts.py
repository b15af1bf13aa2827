"""Giving back the contacts that were reserved under a frequency cap for messages that do not go."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from segmind.consent import caps
from segmind.events.schema import Channel


def release(conn: Connection, message_ids: Sequence[int]) -> None:
    """Give back the reserved contacts of these messages (locked by the caller's transaction)."""
    if not message_ids:
        return
    rows = conn.execute(
        text("""
            UPDATE message m SET cap_day = NULL
            FROM (SELECT id, cap_day, channel, customer_id FROM message
                  WHERE id = ANY(:ids) AND cap_day IS NOT NULL) AS old
            LEFT JOIN customer_merge g ON g.from_id = old.customer_id
            WHERE m.id = old.id
            RETURNING COALESCE(g.into_id, old.customer_id), old.channel, old.cap_day
        """),
        {"ids": list(message_ids)},
    )
    caps.release(conn, [caps.Place(who, Channel(channel), day) for who, channel, day in rows])
