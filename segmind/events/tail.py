"""The recent tail: events that are not sealed yet, read from PostgreSQL as blocks of columns.

Each column is asked for as one value, joined by the server: nothing is done row by row on this
side. 20,000 rows take a few milliseconds; as lines of COPY they took fifty, and joined as records
they cost the server half as much again. A process that asks again and again reads only what is
new: ``kept_tail``.
"""

from __future__ import annotations

from collections.abc import Mapping
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

#: Columns of fixed width: how the server writes a value, and how numpy reads it.
_FIXED: Final = {
    "seq": ("int8send", ">i8"),
    "event_id": ("uuid_send", ">2i8"),
    "ts": ("timestamptz_send", ">i8"),
    "received_at": ("timestamptz_send", ">i8"),
    "customer_id": ("int8send", ">i8"),
    "kind": ("int2send", ">i2"),
    "session_key": ("int8send", ">i8"),
    "order_key": ("int8send", ">i8"),
    "product_id": ("int4send", ">i4"),
    "quantity": ("int4send", ">i4"),
    "value": ("int8send", ">i8"),
    "channel": ("int2send", ">i2"),
    "message_id": ("int8send", ">i8"),
    "source_kind": ("int2send", ">i2"),
    "source_id": ("int8send", ">i8"),
    "machine": ("boolsend", "?"),
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
    return pl.concat(blocks) if blocks else form.frame({})


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
        """A null has no value among those of its column; ``nulls`` says where they are."""
        bits = [f"CASE WHEN {n} IS NULL THEN {1 << i} ELSE 0 END" for i, n in _numbered(self)]
        parts = {name: f"{_FIXED[name][0]}({name})" for name in (*self.always, *self.sometimes)}
        parts |= {f"{n}_size": f"int4send(coalesce(octet_length({n}), -1))" for n in _TEXTS}
        if bits:
            parts["nulls"] = f"int4send({' + '.join(bits)})"
        joined = [f"string_agg({part}, ''::bytea) AS {name}" for name, part in parts.items()]
        joined += [f"string_agg({name}, '') AS {name}" for name in _TEXTS]
        return f"""
            SELECT {", ".join(joined)}
            FROM (
              SELECT * FROM event_recent WHERE seq > %(after)s AND seq <= %(last)s
              ORDER BY seq LIMIT %(limit)s
            ) AS recent
            """

    def read(self, conn: Connection, after: int, last: int, limit: int) -> pl.DataFrame:
        cursor: Any = conn.connection.cursor()
        asked = {"after": after, "last": last, "limit": limit}
        with cursor:
            cursor.execute(self.query, asked, binary=True)
            values = cursor.fetchone()
            names = [column.name for column in cursor.description]
        return self.frame(dict(zip(names, values, strict=True)))

    def frame(self, told: Mapping[str, Any]) -> pl.DataFrame:
        """``seq`` and EVENT_COLUMNS of what was read, by column; nothing told: no rows."""
        halves = _values(told, "event_id").reshape(-1, 2)
        columns = {"seq": _values(told, "seq"), "event_hi": halves[:, 0], "event_lo": halves[:, 1]}
        made = {name: pl.Series(np.ascontiguousarray(its)) for name, its in columns.items()}
        rows = made["seq"].len()
        for name in list(EVENT_COLUMNS)[2:]:
            made[name] = self._column(told, name, rows)
        return pl.DataFrame(made)

    def _column(self, told: Mapping[str, Any], name: str, rows: int) -> pl.Series:
        kind = EVENT_COLUMNS[name]
        if name in _TEXTS:
            return _texts(_numbers(told, f"{name}_size", ">i4"), told.get(name) or "")
        if name not in self.always and name not in self.sometimes:
            return pl.Series([None], dtype=kind).new_from_index(0, rows)
        values = _values(told, name)
        if isinstance(kind, pl.Datetime):
            return pl.Series(values + YEAR_2000).cast(kind)
        if name not in self.sometimes:
            return pl.Series(values).cast(kind)
        is_null = (_numbers(told, "nulls", ">i4") >> self.sometimes.index(name) & 1).astype(
            np.bool_
        )
        full = np.zeros(rows, values.dtype)
        full[~is_null] = values
        return pl.Series(full).cast(kind).set(pl.Series(is_null), None)


def _values(told: Mapping[str, Any], name: str) -> npt.NDArray[Any]:
    return _numbers(told, name, _FIXED[name][1])


def _numbers(told: Mapping[str, Any], name: str, form: str) -> npt.NDArray[Any]:
    return _native(np.frombuffer(told.get(name) or b"", dtype=form))


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
