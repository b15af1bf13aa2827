"""Token buckets in PostgreSQL: so many sends in a second, all dispatchers together."""

from __future__ import annotations

from sqlalchemy import Connection, text


def available(conn: Connection, name: str, per_second: float) -> int:
    """How many sends the bucket holds now; it stays locked until the transaction ends.

    A bucket holds at most one second's worth (at least one send). The database's clock fills it.
    """
    capacity = max(1.0, per_second)
    tokens = conn.execute(
        text("""
            INSERT INTO send_bucket AS b (name, tokens, filled_at)
            VALUES (:name, :capacity, clock_timestamp())
            ON CONFLICT (name) DO UPDATE
            SET tokens = LEAST(:capacity, b.tokens + :rate *
                    GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - b.filled_at))),
                filled_at = GREATEST(b.filled_at, clock_timestamp())
            RETURNING tokens
        """),
        {"name": name, "capacity": capacity, "rate": per_second},
    ).scalar_one()
    return int(tokens)


def spend(conn: Connection, name: str, count: int) -> None:
    """Take ``count`` sends out of the bucket that ``available`` locked."""
    if count:
        conn.execute(
            text("UPDATE send_bucket SET tokens = tokens - :count WHERE name = :name"),
            {"name": name, "count": count},
        )
