"""Finding the lines of a block that may be no rows of the header's width, all others trusted."""

from __future__ import annotations

from typing import Final

import numpy as np

from segmind.events.importers.line_index import LineIndex, Places

#: Odd lines in a block; with more of them, row by row is quicker.
MOST_ODD: Final = 20_000
_NEWLINE, _COMMA, _QUOTE, _NUL = (ord(sign) for sign in '\n,"\0')


def odd_lines(data: bytes, width: int) -> Places | None:
    """Lines (from 0, ascending) without ``width`` fields, with a NUL, or not UTF-8.

    None when lines cannot be told apart, since a quote is open at the end of one, or when more
    than MOST_ODD are odd.
    """
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
        odd |= np.diff(ends, prepend=-1) <= 2
    for places in (_places_if_any(data, index, _NUL), _not_text(data)):
        if places is not None:
            odd[np.searchsorted(ends, places)] = True
    found = np.flatnonzero(odd)
    return found if len(found) <= MOST_ODD else None


def without(data: bytes, index: LineIndex, lines: Places) -> bytes:
    """The data without some of its lines, which ascend."""
    kept = []
    at = 0
    for line in lines.tolist():
        kept.append(data[at : index.start(line)])
        at = index.start(line + 1)
    return b"".join([*kept, data[at:]])


def _places_if_any(data: bytes, index: LineIndex, byte: int) -> Places | None:
    return index.places(byte) if bytes([byte]) in data else None


def _not_text(data: bytes) -> Places | None:
    """Every byte that is not ASCII, when some of them are no UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return np.flatnonzero(np.frombuffer(data, np.uint8) > 127)
    return None
