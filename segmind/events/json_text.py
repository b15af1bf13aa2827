"""JSON as it is kept: compact, with sorted keys."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def compact(value: Any) -> bytes | None:
    """``value`` as compact JSON in UTF-8; None where it is not plainly JSON.

    A value that a JSON text was read into always is. Not plainly JSON are NaN and the infinities,
    what has no JSON form, cycles and broken Unicode: another writer may say what is wrong with it.
    """
    try:
        written = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return None
    # It writes null for numbers that JSON does not have.
    return None if b"null" in written and _has_odd_number(value) else written


def _has_odd_number(value: Any) -> bool:
    if type(value) is dict:
        return any(_has_odd_number(v) for v in value.values())
    if type(value) is list:
        return any(_has_odd_number(v) for v in value)
    if value is None or type(value) is str:
        return False
    return not isinstance(value, int | str) and not (
        isinstance(value, float) and math.isfinite(value)
    )
