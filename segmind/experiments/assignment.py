"""Stable assignment: the same customer and salt give the same bucket, in every process, for ever.

SplitMix64 (Steele, Lea, Flood 2014) over the customer's id shifted by a hash of the salt; written
once for Python integers and once for Polars columns, with the same answers (tested).
"""

from __future__ import annotations

import hashlib
from typing import overload

import polars as pl

#: Buckets are numbered 0 to 9,999, so that a share can be chosen to a hundredth of a percent.
BUCKETS = 10_000

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_GAMMA = 0x9E37_79B9_7F4A_7C15
_FIRST = 0xBF58_476D_1CE4_E5B9
_SECOND = 0x94D0_49BB_1331_11EB


@overload
def bucket(customers: int, salt: str) -> int: ...
@overload
def bucket(customers: pl.Expr, salt: str) -> pl.Expr: ...
@overload
def bucket(customers: pl.Series, salt: str) -> pl.Series: ...
def bucket(customers: int | pl.Expr | pl.Series, salt: str) -> int | pl.Expr | pl.Series:
    """The bucket, 0 to 9,999, of one customer id or of a column of them (UInt64).

    Different salts are independent of each other: give every experiment its own.
    """
    if isinstance(customers, int):
        return _mix((customers + _seed(salt)) & _MASK) % BUCKETS
    if isinstance(customers, pl.Series):
        name = customers.name
        return customers.to_frame(name).select(bucket(pl.col(name), salt)).to_series()
    return _mix_column(customers.cast(pl.UInt64) + _number(_seed(salt))) % _number(BUCKETS)


def _seed(salt: str) -> int:
    digest = hashlib.blake2b(salt.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + _GAMMA) & _MASK


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return z ^ (z >> 31)


def _mix_column(z: pl.Expr) -> pl.Expr:
    # UInt64 wraps around in Polars as in C; a shift to the right is a floor division.
    z = (z ^ (z // _number(1 << 30))) * _number(_FIRST)
    z = (z ^ (z // _number(1 << 27))) * _number(_SECOND)
    return z ^ (z // _number(1 << 31))


def _number(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)
