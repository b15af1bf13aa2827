"""Variants: the arms of a test and which customer sees which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

import polars as pl

from segmind.errors import InvalidInput
from segmind.experiments.assignment import BUCKETS, bucket


class InvalidVariants(InvalidInput):
    """The variants of a test need different names and weights above zero."""

    field = "variants"


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm. Weights are relative: 1 and 1 split in halves, 2 and 1 in thirds."""

    name: str
    weight: float = 1.0


@overload
def variant_of(customers: int, salt: str, variants: Sequence[Variant]) -> str: ...
@overload
def variant_of(customers: pl.Expr, salt: str, variants: Sequence[Variant]) -> pl.Expr: ...
def variant_of(customers: int | pl.Expr, salt: str, variants: Sequence[Variant]) -> str | pl.Expr:
    """The name of the variant that a customer (or each of a column) sees.

    Independent of a holdout drawn with the same salt.

    Raises:
        InvalidVariants: none given, a name given twice, or a weight that is not positive.
    """
    limits = _limits(variants)
    # A holdout takes the low buckets of its salt: the arms must not be cut from what it left.
    salt = f"variant:{salt}"
    if isinstance(customers, int):
        at = bucket(customers, salt)
        return next(v.name for v, limit in zip(variants, limits, strict=True) if at < limit)
    column = bucket(customers, salt)
    chosen = pl.lit(variants[-1].name)
    for variant, limit in reversed(list(zip(variants[:-1], limits[:-1], strict=True))):
        chosen = pl.when(column < limit).then(pl.lit(variant.name)).otherwise(chosen)
    return chosen


def _limits(variants: Sequence[Variant]) -> list[int]:
    names = {v.name for v in variants}
    if not variants or len(names) < len(variants) or any(v.weight <= 0 for v in variants):
        raise InvalidVariants(field="variants")
    total = sum(v.weight for v in variants)
    limits = [round(part / total * BUCKETS) for part in accumulate(v.weight for v in variants)]
    return [*limits[:-1], BUCKETS]
