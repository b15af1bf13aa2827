"""Bulk rows in and out by COPY, between PostgreSQL and Polars.

CSV both ways, without a word for NULL that a value could look like: nothing between two commas is
NULL, two quotes are the empty string.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection


def _cursor(conn: Connection) -> Any:
    return conn.connection.cursor()


#: Rows that are text at a time, which bounds memory.
_SLICE = 100_000


def copy_in(conn: Connection, table: str, frame: pl.DataFrame, *, freeze: bool = False) -> int:
    """Append ``frame`` to ``table``: its column names are the table's. Returns the row count.

    ``freeze`` spares the server to look at the rows again later; it asks for a table that was
    truncated in the same transaction.
    """
    columns = ", ".join(f'"{name}"' for name in frame.columns)
    options = "FORMAT csv, FREEZE" if freeze else "FORMAT csv"
    with (
        _cursor(conn) as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN ({options})") as copy,
    ):
        for rows in frame.iter_slices(_SLICE):
            copy.write(_as_csv(rows))
    return frame.height


def _as_csv(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_csv(
        buffer,
        include_header=False,
        null_value="",
        quote_style="non_numeric",
        datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z",
    )
    return buffer.getvalue()


def copy_out(
    conn: Connection, query: str, schema: dict[str, Any], params: Sequence[Any] = ()
) -> pl.DataFrame:
    """The rows of ``query`` (with ``%s`` for ``params``) as a frame of ``schema``.

    Instants come as Datetime("us", "UTC"); booleans and numbers as the schema says.
    """
    buffer = io.BytesIO()
    with (
        _cursor(conn) as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)", params) as copy,
    ):
        # psycopg hands out row by row, and waits anew for each: three times the cost of the row.
        copy.connection.wait(_drained(copy, buffer.write))
    if buffer.tell() == 0:
        return pl.DataFrame(schema=schema)
    raw = {k: (pl.String if _is_parsed(v) else v) for k, v in schema.items()}
    buffer.seek(0)
    frame = pl.read_csv(buffer, has_header=False, new_columns=list(schema), schema=raw)
    return frame.with_columns(_parse(name, kind) for name, kind in schema.items())


def _drained(copy: Any, keep: Callable[[Any], object]) -> Generator[Any, Any, None]:
    """What is to be waited for until all rows of ``copy`` are kept."""
    while block := (yield from copy._read_gen()):
        keep(block)


def _is_parsed(kind: Any) -> bool:
    return kind == pl.Boolean or isinstance(kind, pl.Datetime) or kind == pl.Date


def _parse(name: str, kind: Any) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.Boolean:
        return column.eq("t").alias(name)
    if isinstance(kind, pl.Datetime):
        # PostgreSQL prints 2026-01-02 03:04:05.1+00 with as many decimals as it needs.
        return column.str.replace(r"\+00$", "").str.to_datetime(
            time_unit="us", time_zone="UTC", format="%Y-%m-%d %H:%M:%S%.f"
        )
    if kind == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    return column
