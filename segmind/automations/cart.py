"""What lay in the cart, for the template: items left, their number and their value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from segmind.automations.entry import CART_LIFE
from segmind.automations.flow import Move
from segmind.automations.world import FactsWorld
from segmind.events.schema import Kind
from segmind.segments.words import Words


def of_runs(world: FactsWorld, moves: Sequence[Move], words: Words) -> dict[int, dict[str, Any]]:
    """By run id: items (name, quantity, price), count and total of the customer's cart."""
    since = min(move.run.triggered_at for move in moves) - CART_LIFE
    carts = contents(world, [move.customer_id for move in moves], since)
    return {
        move.run.id: in_words(carts[move.customer_id], words)
        for move in moves
        if move.customer_id in carts
    }


def contents(
    world: FactsWorld, customers: Sequence[int], since: datetime
) -> dict[int, list[dict[str, Any]]]:
    """Customer id -> products left in the cart: name, quantity, price (minor units, or None).

    Added less removed, strictly after the last line bought, as the segment language has it; an
    event without a quantity is about one item. The product last added comes first.
    """
    rows = world.facts.log.events(
        kinds=[Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED, Kind.ORDER_COMPLETED],
        since=since,
        until=world.horizon,
        columns=["customer_id", "ts", "kind", "product_id", "quantity", "value"],
    ).filter(pl.col("customer_id").is_in(list(set(customers))))
    is_order = pl.col("kind") == int(Kind.ORDER_COMPLETED)
    emptied = pl.col("ts").filter(is_order).max().over("customer_id")
    is_in = pl.col("kind") == int(Kind.PRODUCT_ADDED)
    quantity = pl.col("quantity").cast(pl.Int64).fill_null(1)
    left = (
        rows.with_columns(emptied=emptied)
        .filter(~is_order & (pl.col("emptied").is_null() | (pl.col("ts") > pl.col("emptied"))))
        .with_columns(
            net=pl.when(is_in).then(quantity).otherwise(-quantity),
            unit=pl.when(is_in & (quantity > 0)).then(pl.col("value") // quantity),
        )
        .group_by("customer_id", "product_id")
        .agg(pl.col("net").sum(), pl.col("unit").drop_nulls().last(), pl.col("ts").max())
        .filter(pl.col("net") > 0)
        .join(world.facts.log.products(), on="product_id", how="left")
        .sort("customer_id", "ts", "product_id", descending=[False, True, False])
        .collect()
    )
    carts: dict[int, list[dict[str, Any]]] = {}
    for row in left.iter_rows(named=True):
        carts.setdefault(row["customer_id"], []).append(
            {
                "name": row["name"] or row["external_id"] or "",
                "quantity": row["net"],
                "price": row["unit"] if row["unit"] is not None else row["price"],
            }
        )
    return carts


def in_words(items: Sequence[Mapping[str, Any]], words: Words) -> dict[str, Any]:
    """Items as a template has them, with their number and their value."""
    total = sum((item["price"] or 0) * item["quantity"] for item in items)
    return {
        "items": [
            {**item, "price": "" if item["price"] is None else words.money(item["price"])}
            for item in items
        ],
        "count": sum(item["quantity"] for item in items),
        "total": words.money(total),
    }
