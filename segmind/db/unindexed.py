"""Loading tables without their indexes: sorted once at the end, not kept up row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

_CONSTRAINTS = """
    SELECT c.conrelid::regclass::text, quote_ident(c.conname), pg_get_constraintdef(c.oid),
           c.contype::text
    FROM pg_constraint c
    WHERE c.contype IN ('p', 'u', 'f')
      AND (c.conrelid = ANY(CAST(:tables AS regclass[]))
           OR c.confrelid = ANY(CAST(:tables AS regclass[])))
    ORDER BY c.contype = 'f', c.conname
"""
_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i
    WHERE i.indrelid = ANY(CAST(:tables AS regclass[]))
      AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid
                      AND c.contype IN ('p', 'u'))
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class _Dropped:
    """How one index or constraint goes, and how it comes back as it was."""

    drop: str
    make: str


@contextmanager
def without_indexes(conn: Connection, tables: Sequence[str]) -> Iterator[None]:
    """Take the indexes, keys and foreign keys of ``tables`` away, and make the same ones again.

    All of it is part of ``conn``'s transaction: nobody else ever sees a table without them, and a
    crash leaves them as they were. The tables are locked until that transaction ends. Rows that
    break a key are refused when the key is made again.
    """
    dropped = _found(conn, tables)
    for each in reversed(dropped):
        conn.exec_driver_sql(each.drop)
    yield
    for each in dropped:
        conn.exec_driver_sql(each.make)


def _found(conn: Connection, tables: Sequence[str]) -> list[_Dropped]:
    """Keys first, then indexes, then foreign keys, which need the keys that they point to."""
    asked = {"tables": list(tables)}
    keys: list[_Dropped] = []
    foreign: list[_Dropped] = []
    for table, name, definition, kind in conn.execute(text(_CONSTRAINTS), asked):
        its = _Dropped(
            f"ALTER TABLE {table} DROP CONSTRAINT {name}",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}",
        )
        (foreign if kind == "f" else keys).append(its)
    indexes = [
        _Dropped(f"DROP INDEX {name}", definition)
        for name, definition in conn.execute(text(_INDEXES), asked)
    ]
    return [*keys, *indexes, *foreign]
