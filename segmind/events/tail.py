"""The recent tail: events that are not sealed yet, read from PostgreSQL as blocks of columns.

Rows are asked for as one value of fixed width each, joined by the server: nothing is done row by
row on this side. 20,000 rows take a few milliseconds; as lines of COPY they took fifty. A process
that asks again and again reads only what is new: ``kept_tail``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, text

from segmind.db.binary_copy import YEAR_2000
from segmind.events.schema import EVENT_COLUMNS

#: More than any ``seq``.
_LAST: Final = 2**63 - 1
_SEQS: Final = "SELECT string_agg(int8send(seq), ''::bytea) FROM event_recent"
#: Rows that are one value at a time, at most: 30 MB.
_BLOCK: Final = 100_000

#: Columns of fixed width, and how their values lie in a block.
_FIXED: Final = {
    "seq": ">i8",
    "event_id": ">2i8",
    "ts": ">i8",
    "received_at": ">i8",
    "customer_id": ">i8",
    "kind": ">i2",
    "session_key": ">i8",
    "order_key": ">i8",
    "product_id": ">i4",
    "quantity": ">i4",
    "value": ">i8",
    "channel": ">i2",
    "message_id": ">i8",
    "source_kind": ">i2",
    "source_id": ">i8",
    "machine": "?",
}
_TEXTS: Final = ("currency", "properties")
#: Columns that may be null.
_OPTIONAL: Final = tuple(_FIXED)[6:]


def seqs(conn: Connection) -> npt.NDArray[np.int64]:
    """The ``seq`` of every recent row, ascending: 8 bytes each, and nothing else is read."""
    cursor: Any = conn.connection.cursor()
    with cursor:
        cursor.execute(_SEQS, binary=True)
        (told,) = cursor.fetchone()
    return np.sort(_native(np.frombuffer(told or b"", dtype=">i8")), kind="stable")


def read(
    conn: Connection, limit: int | None = None, *, first: int = 0, last: int = _LAST
) -> pl.DataFrame:
    """The recent events (EVENT_COLUMNS and ``seq``), oldest arrival first, at most ``limit``.

    Only rows with a ``seq`` from ``first`` to ``last`` are read. ``conn`` sees one snapshot
    throughout (REPEATABLE READ).
    """
    form = _form_of(conn, first, last)
    blocks: list[pl.DataFrame] = []
    after, left = first - 1, limit
    while left is None or left > 0:
        size = _BLOCK if left is None else min(left, _BLOCK)
        blocks.append(form.read(conn, after, last, size))
        if blocks[-1].height < size:
            break
        after = int(blocks[-1]["seq"][-1])
        left = None if left is None else left - size
    return pl.concat(blocks) if blocks else form.frame(b"", ["", ""])


def ids(conn: Connection) -> pl.DataFrame:
    """The ids of the recent events: event_hi, event_lo."""
    return read(conn).select("event_hi", "event_lo")


@dataclass(frozen=True)
class _Form:
    """How rows are asked for: by columns that are always, and that are sometimes, there."""

    always: tuple[str, ...]
    sometimes: tuple[str, ...]

    @cached_property
    def query(self) -> str:
        sometimes = [f"coalesce({n}, {_ZERO.get(n, '0')})::{_TYPE[n]}" for n in self.sometimes]
        sizes = [f"coalesce(octet_length({name}), -1)" for name in _TEXTS]
        bits = [f"CASE WHEN {n} IS NULL THEN {1 << i} ELSE 0 END" for i, n in _numbered(self)]
        values = [*self.always, *sometimes, *sizes, " + ".join(bits) or "0"]
        return f"""
            SELECT string_agg(record_send(ROW({", ".join(values)})), ''::bytea),
                   {", ".join(f"string_agg({name}, '')" for name in _TEXTS)}
            FROM (
              SELECT * FROM event_recent WHERE seq > %(after)s AND seq <= %(last)s
              ORDER BY seq LIMIT %(limit)s
            ) AS recent
            """

    @cached_property
    def row(self) -> np.dtype[Any]:
        parts = [(name, _FIXED[name]) for name in (*self.always, *self.sometimes)]
        parts += [(f"{name} size", ">i4") for name in _TEXTS]
        parts += [("nulls", ">i4")]
        # record_send: how many columns; before every value the oid of its type and its length.
        told = [[(f"{name} oid", ">i4"), (f"{name} length", ">i4"), (name, k)] for name, k in parts]
        return np.dtype([("columns", ">i4"), *(field for fields in told for field in fields)])

    def read(self, conn: Connection, after: int, last: int, limit: int) -> pl.DataFrame:
        cursor: Any = conn.connection.cursor()
        asked = {"after": after, "last": last, "limit": limit}
        with cursor:
            cursor.execute(self.query, asked, binary=True)
            fixed, *texts = cursor.fetchone()
        return self.frame(fixed or b"", [t or "" for t in texts])

    def frame(self, fixed: bytes, texts: Sequence[str]) -> pl.DataFrame:
        """What was read: ``seq`` and EVENT_COLUMNS."""
        rows = np.frombuffer(fixed, dtype=self.row)
        halves = _native(rows["event_id"]).reshape(-1, 2)
        columns = {"seq": _native(rows["seq"]), "event_hi": halves[:, 0], "event_lo": halves[:, 1]}
        made = {name: pl.Series(np.ascontiguousarray(its)) for name, its in columns.items()}
        for name in list(EVENT_COLUMNS)[2:]:
            made[name] = self._column(rows, name, texts)
        return pl.DataFrame(made)

    def _column(self, rows: npt.NDArray[Any], name: str, texts: Sequence[str]) -> pl.Series:
        kind = EVENT_COLUMNS[name]
        if name in _TEXTS:
            return _texts(_native(rows[f"{name} size"]), texts[_TEXTS.index(name)])
        if name not in self.always and name not in self.sometimes:
            return pl.Series([None], dtype=kind).new_from_index(0, len(rows))
        values = _native(rows[name])
        if isinstance(kind, pl.Datetime):
            return pl.Series(values + YEAR_2000).cast(kind)
        column = pl.Series(values).cast(kind)
        if name not in self.sometimes:
            return column
        is_null = (rows["nulls"] >> self.sometimes.index(name)) & 1
        return column.set(pl.Series(is_null.astype(np.bool_)), None)


def _numbered(form: _Form) -> list[tuple[int, str]]:
    return list(enumerate(form.sometimes))


def _form_of(conn: Connection, first: int, last: int) -> _Form:
    """The form that fits these rows: what no row has is not asked for."""
    counted = ", ".join(f"count({name})" for name in _OPTIONAL)
    query = (
        f"SELECT current_setting('transaction_isolation'), count(*), {counted}"
        " FROM event_recent WHERE seq BETWEEN :first AND :last"
    )
    values = {"first": first, "last": last}
    isolation, total, *counts = conn.execute(text(query), values).one()
    if isolation == "read committed":  # rows of another kind may come between two statements
        return _form(tuple(_FIXED)[:6], _OPTIONAL)
    found = dict(zip(_OPTIONAL, counts, strict=True))
    full = [name for name, count in found.items() if count == total]
    some = [name for name, count in found.items() if 0 < count < total]
    return _form((*tuple(_FIXED)[:6], *full), tuple(some))


_form: Final = lru_cache(_Form)


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values one after the other, as this machine writes numbers."""
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))


def _texts(sizes: npt.NDArray[np.int32], joined: str) -> pl.Series:
    """Texts of ``sizes`` bytes (-1: null) that were joined without anything between them."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(np.maximum(sizes, 0), out=offsets[1:])
    valid = np.packbits(sizes >= 0, bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(joined.encode())]
    column = pl.from_arrow(pa.Array.from_buffers(pa.large_string(), len(sizes), buffers))
    assert isinstance(column, pl.Series)
    return column


_ZERO: Final = {"machine": "false"}
_TYPE: Final = {
    name: {">i8": "bigint", ">i4": "integer", ">i2": "smallint", "?": "boolean"}[_FIXED[name]]
    for name in _OPTIONAL
}
