"""Frames into a table by COPY in PostgreSQL's binary format: nothing is parsed at the server.

Rows are laid out by numpy, a few thousand at a time, in one matrix of bytes as wide as the longest
row; what a row does not fill is left out by a mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from segmind.db import binary_copy

#: Rows in one matrix: it stays in the processor's cache.
_SLICE: Final = 4_096
_NULL: Final = -1


def copy_frame(
    conn: Connection, table: str, frame: pl.DataFrame, shared: pl.DataFrame, *, json: str = ""
) -> int:
    """Append the rows of ``frame`` to ``table``, each with the one row of ``shared`` beside it;
    the column names are the table's. Returns the row count.

    Int16, Int32, Int64 are for smallint, integer, bigint; Datetime("us") for timestamptz; Date for
    date; Binary for bytea and uuid; String for text, or for jsonb in the column named ``json``.

    Raises:
        DBAPIError: as any statement does; IntegrityError for a row that breaks a constraint.
    """
    if frame.is_empty():
        return 0
    names = [*shared.columns, *frame.columns]
    same = len(names).to_bytes(2, "big") + _rows(b"", shared, json)
    binary_copy.send(conn, table, names, _written(same, frame, json))
    return frame.height


def _written(same: bytes, frame: pl.DataFrame, json: str) -> Iterator[bytes]:
    """The rows slice by slice, each written while the server is busy with the one before."""
    if frame.height <= _SLICE:
        yield _rows(same, frame, json)
        return
    with ThreadPoolExecutor(1) as beside:
        slices = frame.iter_slices(_SLICE)
        coming = beside.submit(_rows, same, next(slices), json)
        for rows in slices:
            ready, coming = coming, beside.submit(_rows, same, rows, json)
            yield ready.result()
        yield coming.result()


class _Cells(NamedTuple):
    """A column: how many bytes each value takes (-1: null), and the bytes one after the other."""

    lengths: npt.NDArray[np.int32]
    flat: npt.NDArray[np.uint8]


def _rows(same: bytes, rows: pl.DataFrame, json: str) -> bytes:
    """The rows one after the other: ``same``, then of each value its size and its bytes."""
    columns = [_cells(column, is_json=column.name == json) for column in rows]
    longest = [max(0, int(cells.lengths.max(initial=0))) for cells in columns]
    width = len(same) + sum(4 + most for most in longest)
    matrix = np.empty((rows.height, width), dtype=np.uint8)
    is_kept = np.ones((rows.height, width), dtype=np.bool_)
    matrix[:, : len(same)] = np.frombuffer(same, dtype=np.uint8)
    at = len(same)
    for (lengths, flat), most in zip(columns, longest, strict=True):
        matrix[:, at : at + 4] = lengths.astype(">i4").view(np.uint8).reshape(-1, 4)
        start, at = at + 4, at + 4 + most
        if most and len(flat) == rows.height * most:
            matrix[:, start:at] = flat.reshape(-1, most)
            continue
        is_filled = np.arange(most) < lengths[:, None]
        matrix[:, start:at][is_filled] = flat
        is_kept[:, start:at] = is_filled
    return matrix[is_kept].tobytes()


def _cells(column: pl.Series, *, is_json: bool) -> _Cells:
    told = column.drop_nulls()
    if column.dtype == pl.String:
        if is_json:
            told, column = "\x01" + told, "\x01" + column  # the version of jsonb's binary form
        return _Cells(_lengths(column.str.len_bytes()), _bytes("".join(told.to_list()).encode()))
    if column.dtype == pl.Binary:
        return _Cells(_lengths(column.bin.size()), _bytes(b"".join(told.to_list())))
    if isinstance(column.dtype, pl.Datetime):
        told = told.cast(pl.Int64) - binary_copy.YEAR_2000
    elif column.dtype == pl.Date:
        told = told.cast(pl.Int32) - binary_copy.DAY_2000
    numbers = told.to_numpy()
    written = numbers.astype(numbers.dtype.newbyteorder(">")).view(np.uint8)
    lengths = np.full(len(column), numbers.itemsize, dtype=np.int32)
    if column.null_count():
        lengths[column.is_null().to_numpy()] = _NULL
    return _Cells(lengths, written)


def _lengths(sizes: pl.Series) -> npt.NDArray[np.int32]:
    return sizes.cast(pl.Int32).fill_null(_NULL).to_numpy()


def _bytes(flat: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(flat, dtype=np.uint8)
