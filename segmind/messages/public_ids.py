"""Public ids of messages: UUIDs that grow with time, so that their index grows at one end."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
import polars as pl

_VERSION: Final = np.uint64(7 << 12)
_VARIANT: Final = np.uint64(0b10 << 62)


def many(count: int, now: datetime) -> pl.Series:
    """``count`` fresh ids of 16 bytes each, ascending (RFC 9562 version 7: the milliseconds of
    ``now``, then 74 random bits)."""
    drawn = np.sort(np.frombuffer(os.urandom(8 * count), dtype=np.uint64))
    last = np.frombuffer(os.urandom(2 * count), dtype=np.uint16) & np.uint16(0x3FF)
    halves = np.empty((count, 2), dtype=">u8")
    millisecond = np.uint64(int(now.timestamp() * 1000) << 16)
    halves[:, 0] = millisecond | _VERSION | (drawn >> np.uint64(52))
    halves[:, 1] = _VARIANT | ((drawn << np.uint64(12)) >> np.uint64(2)) | last
    flat = halves.tobytes()
    ids = [flat[n : n + 16] for n in range(0, 16 * count, 16)]
    return pl.Series("public_id", ids, dtype=pl.Binary)


def several(count: int, now: datetime) -> list[UUID]:
    """``count`` fresh ids, ascending."""
    return [UUID(bytes=each) for each in many(count, now)]


def one(now: datetime) -> UUID:
    """One fresh id."""
    return several(1, now)[0]
