"""What others need for the same file: without identity, duplicates, rejects and customers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import duckdb
from sqlalchemy import Engine

from segmind.events.importers.rees46 import COLUMNS

_MEGABYTES: Final = 2_000
_BLOCK: Final = 1 << 20


def duckdb_seconds(path: Path, folder: Path) -> float:
    """The file read, sorted as our files are, and written as zstd Parquet by DuckDB."""
    target = folder / "duckdb.parquet"
    with duckdb.connect() as base:
        base.execute(f"SET memory_limit = '{_MEGABYTES}MB'")
        base.execute(f"SET temp_directory = '{folder / 'duckdb.tmp'}'")
        began = time.perf_counter()
        base.execute(
            f"""
            COPY (
              SELECT * FROM read_csv('{path}', header = true, ignore_errors = true,
                timestampformat = '%Y-%m-%d %H:%M:%S UTC', types = {{'event_time': 'TIMESTAMP'}})
              ORDER BY CAST(event_time AS DATE), event_type, user_id, event_time
            ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
            """
        )
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def postgres_seconds(engine: Engine, path: Path) -> float:
    """The rows copied into a PostgreSQL table with an index by customer and time.

    Every column is text, since COPY stops at the first value of a wrong type, and rows with too
    many fields are left out by the reader before it.
    """
    columns = ", ".join(f"{name} text" for name in COLUMNS)
    with engine.connect() as conn:
        cursor = conn.connection.cursor()
        cursor.execute(f"CREATE TABLE raw_events ({columns})")
        began = time.perf_counter()
        with (
            path.open("rb") as file,
            cursor.copy("COPY raw_events FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            rest = b""
            while piece := file.read(_BLOCK):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                copy.write(_right_rows(whole) + newline)
        cursor.execute("CREATE INDEX ON raw_events (user_id, event_time)")
        conn.connection.commit()
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE raw_events")
        conn.connection.commit()
    return seconds


def _right_rows(rows: bytes) -> bytes:
    commas = len(COLUMNS) - 1
    if rows.count(b",") == commas * (rows.count(b"\n") + 1):
        return rows
    return b"\n".join(row for row in rows.split(b"\n") if row.count(b",") == commas)
