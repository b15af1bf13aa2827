"""Finding the lines of a block that may be no rows of the header's width, all others trusted."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segmind.events.importers.line_index import LineIndex, Places

#: Odd lines in a block; with more of them, row by row is quicker.
MOST_ODD: Final = 20_000
_TOGETHER: Final = 4_096  # lines
_NEWLINE, _COMMA, _QUOTE, _NUL = (ord(sign) for sign in '\n,"\0')


def odd_lines(data: bytes, index: LineIndex, width: int) -> Places | None:
    """Lines (from 0, ascending) without ``width`` fields, with a NUL, or not UTF-8.

    Where nothing is quoted, lines are counted together first: one too short may then hide one too
    long. None when lines cannot be told apart, since a quote is open at the end of one, or when
    more than MOST_ODD are odd.
    """
    found = _odd_lines(data, width) if b'"' in data else _odd_lines_by_parts(data, index, width)
    return found if found is not None and len(found) <= MOST_ODD else None


def _odd_lines_by_parts(data: bytes, index: LineIndex, width: int) -> Places:
    is_text = _is_text(data)
    parts = []
    for first in range(0, index.lines, _TOGETHER):
        lines = min(_TOGETHER, index.lines - first)
        part = data[index.start(first) : index.start(first + lines)]
        commas = LineIndex(part).count(_COMMA)
        if commas != lines * (width - 1) or not is_text or width == 1:
            odd = _odd_lines(part, width)
            assert odd is not None  # there are no quotes
            parts.append(odd + first)
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _odd_lines(data: bytes, width: int) -> Places | None:
    index = LineIndex(data)
    ends = index.places(_NEWLINE)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    commas = index.places(_COMMA)
    if b'"' in data:
        quotes = index.places(_QUOTE)
        if np.any(np.searchsorted(quotes, ends) % 2):
            return None
        commas = commas[np.searchsorted(quotes, commas) % 2 == 0]
    odd = np.diff(np.searchsorted(commas, ends), prepend=0) != width - 1
    if width == 1:
        odd |= np.diff(ends, prepend=-1) <= 2  # perhaps an empty line
    if not _is_text(data):
        for places in (index.places(_NUL), np.flatnonzero(_bytes(data) > 127)):
            odd[np.searchsorted(ends, places)] = True
    return np.flatnonzero(odd)


def without(data: bytes, index: LineIndex, lines: Places) -> bytes:
    """The data without some of its lines, which ascend."""
    kept = []
    at = 0
    for line in lines.tolist():
        kept.append(data[at : index.start(line)])
        at = index.start(line + 1)
    return b"".join([*kept, data[at:]])


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes(data: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
