"""Instants as most libraries write them, ``2026-03-02T11:00:00.123Z``, read all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

_LENGTH: Final = 24
_SIGNS: Final = np.frombuffer(b"0000-00-00T00:00:00.000Z", np.uint8)
_IS_DIGIT: Final = ord("0") == _SIGNS
_NINE: Final = 9
#: What a number is made of: where its first digit stands, and how many there are.
_PARTS: Final = ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2), (20, 3))
_LAST_HOUR, _LAST_SIXTIETH, _DECEMBER = 23, 59, 12


def micros_of(texts: Sequence[str]) -> Int64s | None:
    """Microseconds since 1970, UTC; None unless all are written in this one way.

    What it reads, ``datetime.fromisoformat`` reads as the same instant.
    """
    joined = "".join(texts)
    if not joined:
        return None if texts else np.empty(0, dtype=np.int64)
    if len(joined) != _LENGTH * len(texts) or not joined.isascii():
        return None
    signs = np.frombuffer(joined.encode(), np.uint8).reshape(-1, _LENGTH)
    digits = signs - _SIGNS  # below "0" wraps around to far above nine
    if (digits[:, _IS_DIGIT] > _NINE).any() or digits[:, ~_IS_DIGIT].any():
        return None
    numbers = digits.astype(np.int64)
    year, month, day, hour, minute, second, milli = (_number(numbers, *part) for part in _PARTS)
    in_range = (month >= 1) & (month <= _DECEMBER) & (day >= 1) & (year >= 1)
    in_range &= (hour <= _LAST_HOUR) & (minute <= _LAST_SIXTIETH) & (second <= _LAST_SIXTIETH)
    if not in_range.all():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    first, next_first = months.astype("M8[D]"), (months + 1).astype("M8[D]")
    days = (first.astype(np.int64)) + day - 1
    if (days >= next_first.astype(np.int64)).any():
        return None
    found: Int64s = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + milli * 1_000
    return found


def _number(digits: Int64s, start: int, length: int) -> Int64s:
    number = digits[:, start]
    for place in range(start + 1, start + length):
        number = number * 10 + digits[:, place]
    return number
