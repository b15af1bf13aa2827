"""The yardstick of ingest: psycopg's COPY of the same rows into an indexed table, nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from uuid import uuid4

from segmind.db.engine import Store

_COLUMNS: Final = (
    "event_id uuid PRIMARY KEY, ts timestamptz, received_at timestamptz, customer_id bigint, "
    "kind smallint, session_key bigint, order_key bigint, product_id integer, quantity integer, "
    "value bigint, currency text, properties text"
)


def bare_copy(store: Store, size: int, seconds: float) -> float:
    """Rows per second in transactions of ``size`` rows on one connection, each one committed."""
    conn: Any = store.engine.raw_connection()
    try:
        with conn.cursor() as cursor:
            cursor.execute(f"CREATE TABLE bare_copy ({_COLUMNS})")
            cursor.execute("CREATE INDEX ON bare_copy (customer_id)")
            conn.commit()
            rows, began = 0, time.monotonic()
            for turn in count():
                if (passed := time.monotonic() - began) >= seconds:
                    return rows / passed
                with cursor.copy("COPY bare_copy FROM STDIN") as copy:
                    for row in _rows(turn, size):
                        copy.write_row(row)
                conn.commit()
                rows += size
        raise AssertionError("count() never ends")
    finally:
        conn.rollback()
        with conn.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bare_copy")
        conn.commit()
        conn.close()


def _rows(turn: int, size: int) -> list[tuple[Any, ...]]:
    now = datetime.now(UTC)
    return [
        (uuid4(), now, now, (turn * size + i * 7919) % 50_000, 1, turn * i, None, i, 1, 1999, "USD",
         '{"path":"/p/1"}')
        for i in range(size)
    ]  # fmt: skip
