"""A block of CSV as a frame of texts; rows that are no rows are told apart with the reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from segmind.events.importers import sieve
from segmind.events.importers.blocks import Block

#: Beside the file's columns: the first and the last line of the row in the file.
LINE: Final = "line number"
LAST_LINE: Final = "last line number"
_LONGEST_ROW: Final = 100  # lines; beyond it a quote was never closed
_NEVER_CLOSED: Final = "a quote is never closed"
_COMMA: Final = ord(",")


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that does not have the header's form."""

    line: int
    last_line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a block: its columns as String (empty is null), with LINE and LAST_LINE."""

    frame: pl.DataFrame
    malformed: tuple[Malformed, ...]


def read(block: Block, columns: Sequence[str]) -> Table:
    """The rows of ``block``. Empty lines are no rows."""
    return _quickly(block, columns) or _sieved(block, columns) or _carefully(block, columns)


def _quickly(block: Block, columns: Sequence[str]) -> Table | None:
    """By Polars, which is sure only where every line is one row of the right width."""
    if b"\0" in block.data:
        return None
    lines = block.lines
    frame = _by_polars(block.data, columns)
    if frame is None or frame.height != lines:
        return None
    # Too few fields are filled with nulls in silence; too many are an error. So when the last
    # column has no null, or the commas are as many as they must be and none is inside quotes,
    # every row is right.
    if frame.get_column(columns[-1]).null_count():
        commas = block.index.count(_COMMA)
        if b'"' in block.data or commas != lines * (len(columns) - 1):
            return None
    number = pl.int_range(block.first_line, block.first_line + lines, dtype=pl.Int64)
    return Table(frame.with_columns(number.alias(LINE), number.alias(LAST_LINE)), ())


def _by_polars(data: bytes, columns: Sequence[str]) -> pl.DataFrame | None:
    try:
        read = pl.read_csv(data, has_header=False, schema=dict.fromkeys(columns, pl.String()))
    except pl.exceptions.PolarsError:
        return None
    if b'""' in data:
        read = read.with_columns(pl.when(pl.all() != "").then(pl.all()))  # quoted and empty
    return read.rechunk()


def _sieved(block: Block, columns: Sequence[str]) -> Table | None:
    """Lines that may be no rows are looked at one by one, all others at once.

    None when a row spans lines, or when too many lines are odd.
    """
    odd = sieve.odd_lines(block.data, block.index, len(columns))
    if odd is None or not len(odd):
        return None
    lines = block.lines
    rest = Block(sieve.without(block.data, block.index, odd), block.first_line)
    table = _quickly(rest, columns)
    if table is None or table.frame.height != lines - len(odd):
        return None
    number = np.delete(np.arange(block.first_line, block.first_line + lines), odd)
    good = table.frame.with_columns(pl.Series(LINE, number), pl.Series(LAST_LINE, number))
    alone: list[_Record] = []
    for at in odd.tolist():
        line = block.data[block.index.start(at) : block.index.start(at + 1)]
        alone += _records(Block(line, block.first_line + at))
    if any(fields == _NEVER_CLOSED for _, _, fields in alone):
        return None
    rows, malformed = _split(iter(alone), len(columns))
    if rows:
        more = pl.DataFrame(rows, schema=good.schema, orient="row")
        good = pl.concat([good, more]).sort(LINE)
    return Table(good, tuple(malformed))


def _carefully(block: Block, columns: Sequence[str]) -> Table:
    """Row by row, for blocks whose rows span lines or are odd in numbers."""
    rows, malformed = _split(_records(block), len(columns))
    schema = {**dict.fromkeys(columns, pl.String()), LINE: pl.Int64(), LAST_LINE: pl.Int64()}
    return Table(pl.DataFrame(rows, schema=schema, orient="row"), tuple(malformed))


_Record = tuple[int, int, list[str] | str]


def _split(
    records: Iterator[_Record], width: int
) -> tuple[list[tuple[str | int | None, ...]], list[Malformed]]:
    rows: list[tuple[str | int | None, ...]] = []
    malformed: list[Malformed] = []
    for first, last, fields in records:
        if isinstance(fields, str):
            malformed.append(Malformed(first, last, fields))
        elif len(fields) != width:
            reason = f"the row has {len(fields)} fields, the header has {width}"
            malformed.append(Malformed(first, last, reason))
        elif fault := _unfit(fields):
            malformed.append(Malformed(first, last, fault))
        else:
            rows.append((*(field or None for field in fields), first, last))
    return rows, malformed


def _unfit(fields: list[str]) -> str | None:
    text = "".join(fields)
    if "\x00" in text:
        return "the row holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the row is not UTF-8"
    return None


def _records(block: Block) -> Iterator[_Record]:
    """Rows that may span lines. A line that opens a quote which nobody closes is a bad row alone:
    the next line is a new beginning."""
    # Bytes that are not UTF-8 become lone surrogates, which _split finds.
    lines = block.data.decode("utf-8", "surrogateescape").split("\n")
    if not lines[-1]:
        lines.pop()
    start = 0
    while start < len(lines):
        reader = csv.reader(_and_an_empty_one(lines, start))
        first = end = start
        fault = ""
        try:
            for fields in reader:
                first, end = end, start + reader.line_num
                if end - first > _LONGEST_ROW or first < len(lines) < end:
                    fault = _NEVER_CLOSED
                    break
                if fields:
                    yield block.first_line + first, block.first_line + end - 1, fields
        except csv.Error as error:
            first, fault = end, f"the line is not CSV ({error})"
        if not fault:
            return
        yield block.first_line + first, block.first_line + first, fault
        start = first + 1


def _and_an_empty_one(lines: Sequence[str], start: int) -> Iterator[str]:
    """The lines from ``start``, and one more: only a quote that is still open swallows it."""
    for number in range(start, len(lines)):
        yield lines[number] + "\n"
    yield "\n"
