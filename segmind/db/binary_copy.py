"""Columns of Python values into a table by COPY in PostgreSQL's binary format.

A row costs about a microsecond here and nothing is parsed at the server: numbers are laid out by
numpy, all of a column at once, and the bytes of nulls are left out by a mask.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True, slots=True)
class Type:
    """How values lie in a row: ``written`` there, ``read`` from Python; neither for texts."""

    written: str = ""
    read: str = ""
    since: int = 0


#: PostgreSQL counts microseconds from the year 2000: those from 1970 until then.
YEAR_2000: Final = 946_684_800_000_000
#: Days from 1970 until then.
DAY_2000: Final = 10_957
BIGINT: Final = Type(">i8", "i8")
INTEGER: Final = Type(">i4", "i4")
SMALLINT: Final = Type(">i2", "i2")
BOOLEAN: Final = Type("?", "?")
#: Microseconds since 1970, UTC.
INSTANT: Final = Type(">i8", "i8", YEAR_2000)
#: 16 bytes, never null.
UUID: Final = Type("V16")
TEXT: Final = Type()

Column = tuple[Type, Sequence[Any]]


def copy_in(conn: Connection, table: str, columns: Mapping[str, Column]) -> None:
    """Append rows to ``table``: by column name its type and its values, None for null.

    Columns of nothing but nulls are left out, so there the table's defaults stand.

    Raises:
        OverflowError: a number does not fit into its column.
        DBAPIError: as any statement does; DataError where PostgreSQL refuses a value.
    """
    told = {name: its for name, its in columns.items() if its[1].count(None) < len(its[1])}
    # Texts come last: what stands before them has one form in all rows.
    ordered = sorted(told, key=lambda name: told[name][0] is TEXT)
    send(conn, table, ordered, [b"".join(_rows([told[name] for name in ordered]))])


def send(conn: Connection, table: str, names: Sequence[str], rows: Iterable[bytes]) -> None:
    """Append rows that are laid out already, in pieces of any size, with values of ``names``.

    Raises:
        DBAPIError: as any statement does.
    """
    statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT binary)"
    cursor: Any = conn.connection.cursor()
    try:
        with cursor, cursor.copy(statement) as copy:
            copy.write(_HEAD)
            for piece in rows:
                copy.write(piece)
            copy.write(_TAIL)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error) from error


def _rows(columns: Sequence[Column]) -> Sequence[bytes]:
    """The rows in pieces."""
    fixed = [its for its in columns if its[0] is not TEXT]
    texts = [_texts(values) for kind, values in columns if kind is TEXT]
    fields = [[(f"{i} size", ">i4"), (f"{i}", its.written)] for i, (its, _) in enumerate(fixed)]
    form = np.dtype([("columns", ">i2"), *chain.from_iterable(fields)])
    rows = np.empty(len(columns[0][1]), dtype=form)
    rows["columns"] = len(columns)
    nulls: dict[str, npt.NDArray[np.bool_]] = {}
    for i, (kind, values) in enumerate(fixed):
        size, name = f"{i} size", f"{i}"
        rows[size] = form[name].itemsize
        if values.count(None):
            nulls[name] = np.array([value is None for value in values])
            rows[size][nulls[name]] = -1
            values = [0 if value is None else value for value in values]
        rows[name] = _numbers(kind, values)
    flat, ends = _squeezed(rows, nulls)
    if not texts:
        return [flat]
    starts = [flat[start:end] for start, end in pairwise([0, *ends])]
    return list(chain.from_iterable(zip(starts, *texts, strict=True)))


def _numbers(kind: Type, values: Sequence[Any]) -> npt.NDArray[Any]:
    if kind is UUID:
        return np.frombuffer(b"".join(values), dtype=kind.written)
    numbers = np.array(values, dtype=kind.read)
    return numbers - kind.since if kind.since else numbers


def _squeezed(
    rows: npt.NDArray[Any], nulls: Mapping[str, npt.NDArray[np.bool_]]
) -> tuple[bytes, list[int]]:
    """The rows one after the other without what nulls would hold, and where each ends."""
    width = rows.dtype.itemsize
    if not nulls:
        return rows.tobytes(), list(range(width, width * len(rows) + 1, width))
    is_kept = np.ones((len(rows), width), dtype=np.bool_)
    for name, is_null in nulls.items():
        start = _start(rows.dtype, name)
        is_kept[is_null, start : start + rows.dtype[name].itemsize] = False
    flat = rows.view(np.uint8).reshape(len(rows), width)[is_kept]
    return flat.tobytes(), np.cumsum(is_kept.sum(axis=1)).tolist()


def _start(form: np.dtype[Any], name: str) -> int:
    assert form.fields is not None
    return form.fields[name][1]


def _texts(values: Sequence[str | None]) -> list[bytes]:
    """Each after its size; the same text is made once."""
    made = {value: _text(value) for value in set(values)}
    return [made[value] for value in values]


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    written = value.encode()
    return _SIZE.pack(len(written)) + written


_HEAD: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension of the header
_TAIL: Final = b"\xff\xff"
_SIZE: Final = struct.Struct(">i")
_NULL: Final = _SIZE.pack(-1)
