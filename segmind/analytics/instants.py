"""Instants as whole microseconds since 1970, UTC: what arrays of times hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """An aware instant as microseconds."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """Microseconds as an aware instant in UTC."""
    return _EPOCH + micros * _MICROSECOND


def as_micros(column: str) -> pl.Expr:
    """A column of instants as microseconds (Int64), under its own name."""
    return pl.col(column).dt.timestamp("us")


def as_instants(column: str) -> pl.Expr:
    """A column of microseconds as instants, under its own name."""
    return pl.from_epoch(pl.col(column), time_unit="us").dt.replace_time_zone("UTC")
