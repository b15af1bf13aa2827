"""Instants as numbers: microseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import Span, day_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(instant: datetime) -> int:
    """An aware instant as a number."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def inside(instants: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """Which of the instants lie in one of the spans."""
    found = np.zeros(instants.size, dtype=np.bool_)
    for span in spans:
        here = np.ones(instants.size, dtype=np.bool_)
        if span.since is not None:
            here &= instants >= micros(span.since)
        if span.until is not None:
            here &= instants < micros(span.until)
        found |= here
    return found


def day_numbers(instants: np.ndarray, zone: ZoneInfo) -> np.ndarray:
    """The calendar day of each instant in ``zone``: days since 1970 (Int64)."""
    days = pl.DataFrame({"at": pl.Series(instants).cast(UTC_INSTANT)}).select(
        day_of(pl.col("at"), zone).to_physical().cast(pl.Int64)
    )
    return days["at"].to_numpy()
