"""The recent tail: events that are not sealed yet, read from PostgreSQL by COPY."""

from __future__ import annotations

from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.copy import copy_out
from segmind.events.schema import EVENT_COLUMNS

_STORED: Final = [name for name in EVENT_COLUMNS if name not in ("event_hi", "event_lo")]
_SCHEMA: Final = {
    "seq": pl.Int64(),
    "event_id": pl.String(),
    **{name: EVENT_COLUMNS[name] for name in _STORED},
}


def fingerprint(conn: Connection) -> str:
    """Changes whenever rows were added (with the catalogue's: also when they were sealed)."""
    row = conn.execute(text("SELECT count(*), max(seq) FROM event_recent")).one()
    return f"{row[0]}.{row[1] or 0}"


def read(conn: Connection, limit: int | None = None) -> pl.DataFrame:
    """The recent events (EVENT_COLUMNS and ``seq``), oldest arrival first, at most ``limit``."""
    stored = ", ".join(_STORED)
    query = f"SELECT seq, event_id, {stored} FROM event_recent ORDER BY seq"
    if limit is not None:
        query += f" LIMIT {int(limit)}"
    rows = copy_out(conn, query, _SCHEMA)
    return rows.select("seq", *_halves(), *_STORED)


def ids(conn: Connection) -> pl.DataFrame:
    """The ids of the recent events: event_hi, event_lo."""
    rows = copy_out(conn, "SELECT event_id FROM event_recent", {"event_id": pl.String()})
    return rows.select(_halves())


def _halves() -> list[pl.Expr]:
    digits = pl.col("event_id").str.replace_all("-", "", literal=True)
    return [_half(digits, 0, "event_hi"), _half(digits, 16, "event_lo")]


def _half(digits: pl.Expr, start: int, name: str) -> pl.Expr:
    half = digits.str.slice(start, 16).str.decode("hex")
    return half.bin.reinterpret(dtype=pl.Int64, endianness="big").alias(name)
