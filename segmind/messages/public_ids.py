"""Public ids of messages: UUIDs that grow with time, so that their index grows at one end."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl


def many(count: int, now: datetime) -> pl.Series:
    """``count`` fresh ids as 32 hex digits each (RFC 9562 version 7: the milliseconds of ``now``,
    then 74 random bits)."""
    raw = np.frombuffer(os.urandom(16 * count), dtype=np.uint8).reshape(count, 16).copy()
    raw[:, :6] = np.frombuffer(_milliseconds(now), dtype=np.uint8)
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x70
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    digits = raw.tobytes().hex()
    return pl.Series("public_id", [digits[n : n + 32] for n in range(0, 32 * count, 32)])


def one(now: datetime) -> UUID:
    """One fresh id."""
    return UUID(hex=many(1, now)[0])


def _milliseconds(now: datetime) -> bytes:
    return int(now.timestamp() * 1000).to_bytes(6, "big")
