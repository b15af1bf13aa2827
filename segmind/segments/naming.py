"""Saved segments by their names, and the words of sentences that name them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from segmind.segments.tables import segment
from segmind.segments.words import Words
from segmind.workspace import product_settings


def names(conn: Connection) -> dict[int, str]:
    """The name of every segment by its id, archived ones too."""
    rows = conn.execute(select(segment.c.id, segment.c.name).order_by(segment.c.id))
    return {row.id: row.name for row in rows}


def words_of(conn: Connection) -> Words:
    """Segments by name and money in the workspace's currency, as they are now."""
    known = names(conn)
    return Words(
        currency=product_settings.load(conn).currency,
        segment=lambda number: f"“{known[number]}”" if number in known else f"segment {number}",
    )
