"""Columns of UUIDs written 8-4-4-4-12 read as pairs of 64-bit integers, a few nanoseconds each."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Int64s = npt.NDArray[np.int64]

_LENGTH: Final = 36
_ZERO: Final = "00000000-0000-0000-0000-000000000000"
_DASHES: Final = [8, 13, 18, 23]
#: Digits between dashes: where they stand in the text, and where without dashes.
_GROUPS: Final = ((0, 8, 0), (9, 13, 8), (14, 18, 12), (19, 23, 16), (24, 36, 20))
_TOGETHER: Final = 8_192
_BAD: Final = 0xFFFF


def halves(ids: pl.Series) -> tuple[Int64s, Int64s] | None:
    """The upper and lower halves, signed, of UUIDs of either case; 0 for null.

    None when an id that is there is no UUID.
    """
    texts = ids.cast(pl.String)
    if not (texts.str.len_bytes() == _LENGTH).all():
        return None
    filled = texts.fill_null(_ZERO) if texts.null_count() else texts
    # As large_string: all texts one after the other, each of the same length.
    arrow = filled.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, _, signs = arrow.buffers()
    start = arrow.offset * _LENGTH
    flat = np.frombuffer(signs, np.uint8)[start : start + len(filled) * _LENGTH]
    return _read(flat.reshape(-1, _LENGTH))


def _read(texts: npt.NDArray[np.uint8]) -> tuple[Int64s, Int64s] | None:
    words = np.empty((len(texts), 2), dtype=np.uint64)
    digits = np.empty((_TOGETHER, 32), dtype=np.uint8)
    for start in range(0, len(texts), _TOGETHER):
        part = texts[start : start + _TOGETHER]
        if (part[:, _DASHES] != ord("-")).any():
            return None
        for first, end, to in _GROUPS:
            digits[: len(part), to : to + end - first] = part[:, first:end]
        pairs = _VALUES[digits[: len(part)].view("<u2")]
        if (pairs == _BAD).any():
            return None
        words[start : start + len(part)] = pairs.astype(np.uint8).view(">u8")
    signed = words.view(np.int64)
    return np.ascontiguousarray(signed[:, 0]), np.ascontiguousarray(signed[:, 1])


def _values() -> npt.NDArray[np.uint16]:
    """For two signs as a little-endian integer, their value as hexadecimal digits, else _BAD."""
    values = np.full(1 << 16, _BAD, dtype=np.uint16)
    signs = {ord(sign): int(sign, 16) for sign in "0123456789abcdefABCDEF"}
    for upper, high in signs.items():
        for lower, low in signs.items():
            values[upper | lower << 8] = high << 4 | low
    return values


_VALUES: Final = _values()
