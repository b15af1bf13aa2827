"""Holdouts: customers kept out on purpose, so that lift can be measured."""

from __future__ import annotations

from typing import Final, overload

import polars as pl

from segmind.errors import InvalidInput
from segmind.experiments.assignment import BUCKETS, bucket

#: By what the workspace's global holdout is drawn: one for all that is sent, for ever the same.
GLOBAL_SALT: Final = "global"


class InvalidShare(InvalidInput):
    """A share must lie between 0 and 100 percent."""

    hint = "Give percents: 5 means one customer in twenty."


@overload
def in_holdout(customers: int, salt: str, percent: float) -> bool: ...
@overload
def in_holdout(customers: pl.Expr, salt: str, percent: float) -> pl.Expr: ...
@overload
def in_holdout(customers: pl.Series, salt: str, percent: float) -> pl.Series: ...
def in_holdout(
    customers: int | pl.Expr | pl.Series, salt: str, percent: float
) -> bool | pl.Expr | pl.Series:
    """Whether a customer (or each of a column) belongs to the holdout of ``percent``.

    Growing the share keeps everybody who was in it: a customer held out at 5 % is held out at 10 %.

    Raises:
        InvalidShare: ``percent`` is not between 0 and 100.
    """
    if not 0 <= percent <= 100:
        raise InvalidShare(field="holdout_percent")
    limit = round(percent * BUCKETS / 100)
    if isinstance(customers, int):
        return bucket(customers, salt) < limit
    if isinstance(customers, pl.Series):
        return bucket(customers, salt) < limit
    return bucket(customers, salt) < limit
