"""Exact decimals in columns: texts to millionths, millionths to minor units, all in integers."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import polars as pl

_PLACES: Final = 6
#: The largest amount of one row, in minor units.
LARGEST: Final = 10**15


def millionths(column: str) -> pl.Expr:
    """A column of decimal texts as Int128 millionths; null where it is no decimal number.

    Digits beyond the sixth decimal are cut off.
    """
    parsed = pl.col(column).cast(pl.Decimal(30, _PLACES), strict=False)
    return parsed.to_physical()


def minor_units(amount: pl.Expr, decimals: int = 2) -> pl.Expr:
    """Millionths as Int64 minor units, rounded half to even; null beyond LARGEST."""
    unit = 10 ** (_PLACES - decimals)
    whole = amount // unit
    rest = amount - whole * unit
    up = (rest * 2 > unit) | ((rest * 2 == unit) & (whole % 2 == 1))
    rounded = whole + up.cast(pl.Int8)
    return pl.when(rounded.abs() <= LARGEST).then(rounded).cast(pl.Int64)


def total(amounts: pl.Series) -> Decimal:
    """The exact sum of a column of millionths (up to 10^13 rows of the largest amount)."""
    return Decimal(int(amounts.cast(pl.Int128).sum())).scaleb(-_PLACES)


def written(amount: Decimal, decimals: int = 2) -> str:
    """An amount as text, with at least ``decimals`` places and no needless zeros after them."""
    text = f"{amount:.{_PLACES}f}"
    kept = text.rstrip("0")
    least = len(text) - _PLACES + decimals
    return text[: max(len(kept), least)]
