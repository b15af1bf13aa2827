"""What orders were reduced by: the ``discount`` that their tracking calls told."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from segmind.analytics.attribution import Ledger
from segmind.analytics.shares import largest_remainder
from segmind.customers.facts import Facts
from segmind.events import derive, held
from segmind.events.held import Wanted
from segmind.events.schema import Kind

_KEY: Final = ["customer_id", *derive.ORDER_KEY]
#: A discount beyond this (in units of the currency) is no discount.
_LARGEST: Final = 1e9


def with_discounts(facts: Facts, ledger: Ledger, decimals: int) -> pl.DataFrame:
    """The ledger's credits with ``discount`` (minor units, Int64).

    An order's discount is the largest that any of its lines tells (a tracking call tells it once
    for all of its lines), in units of the currency, which has so many ``decimals``. It is shared
    as the order's credit is and adds up to the order's discount; a rule that credits an order
    several times charges it several times.
    """
    credits = ledger.credits
    told = _discounts(facts).with_columns(
        discount=(pl.col("discount") * 10**decimals).round().cast(pl.Int64)
    )
    joined = credits.join(told, on=_KEY, how="left", maintain_order="left")
    whole = joined["discount"].fill_null(0).to_numpy()
    if ledger.rule.adds_up and len(whole):
        group = joined["order_row"].to_numpy()
        amounts = np.zeros(int(group.max()) + 1, np.int64)
        amounts[group] = whole
        # An order that was refunded whole has credits of nothing; they share alike.
        worth = joined["net"].to_numpy() > 0
        weight = np.where(worth, joined["credited"].to_numpy(), 1)
        whole = _shared(group, weight, amounts)
    return joined.with_columns(discount=pl.Series(whole, dtype=pl.Int64))


def _shared(group: np.ndarray, weight: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Shares by weights of which some may be 0, but not all of a group; 0 stays 0."""
    found = np.zeros(len(group), np.int64)
    some = weight > 0
    found[some] = largest_remainder(group[some], weight[some], amounts)
    return found


def _discounts(facts: Facts) -> pl.DataFrame:
    """_KEY, discount (units of the currency, Float64 > 0): one row per order that tells one."""
    source = held.held(facts.log.rows, _WANTED)

    def make() -> pl.DataFrame:
        lines = pl.concat([source.settled, _told(source.fresh)])
        mapped = source.merges.mapped(pl.col("customer_id"))
        return lines.with_columns(mapped).group_by(_KEY).agg(pl.col("discount").max())

    return source.derived("discounts", make)


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("properties").str.json_path_match("$.discount").cast(pl.Float64, strict=False)
    return (
        rows.lazy()
        .filter(pl.col("properties").str.contains('"discount"', literal=True))
        .select("customer_id", *derive.order_key(), amount.alias("discount"))
        .filter(pl.col("discount").is_between(0, _LARGEST, closed="right"))
        .collect()
    )


_WANTED: Final = Wanted(
    "discounts",
    (int(Kind.ORDER_COMPLETED),),
    ("customer_id", *derive.ORDER_KEY_SOURCES, "properties"),
    _told,
)
