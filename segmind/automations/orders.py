"""The order that started a run, for the template, and what others bought together with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import polars as pl

from segmind.automations.cart import in_words
from segmind.automations.flow import Move
from segmind.automations.world import FactsWorld
from segmind.events import derive
from segmind.events.schema import UTC_INSTANT, Kind
from segmind.segments.words import Words

#: Orders within this time tell what goes together.
TOGETHER_WITHIN: Final = timedelta(days=90)
MOST_SUGGESTED: Final = 4
#: What merely sells well comes after everything that was bought together.
_RARER: Final = 1 << 40
#: The lines of an order lie within this time after its first one.
_ORDER_LASTS: Final = timedelta(days=1)
_KEY: Final = list(derive.ORDER_KEY)


def of_runs(world: FactsWorld, moves: Sequence[Move], words: Words) -> dict[int, dict[str, Any]]:
    """By run id: items (name, quantity, price each), count and total of the order."""
    lines = _lines(world, moves).join(_products(world), on="product_id", how="left").collect()
    found: dict[int, list[dict[str, Any]]] = {}
    for row in lines.sort("run_id", "ts", "product_id").iter_rows(named=True):
        quantity = max(1, row["quantity"] or 1)
        found.setdefault(row["run_id"], []).append(
            {
                "name": row["name"] or row["external_id"] or "",
                "quantity": quantity,
                "price": row["price"] if row["value"] is None else row["value"] // quantity,
            }
        )
    return {run_id: in_words(items, words) for run_id, items in found.items()}


def suggested(world: FactsWorld, moves: Sequence[Move], words: Words) -> dict[int, dict[str, Any]]:
    """By run id: products that others had most often in one order with those of this one, else
    what sells best; never what was just bought."""
    mine = _lines(world, moves).select("run_id", "product_id").unique().collect()
    all_lines = (
        _order_lines(world, world.now - TOGETHER_WITHIN)
        .select("customer_id", *_KEY, "product_id")
        .filter(pl.col("product_id").is_not_null())
        .unique()
        .collect()
    )
    order = ["customer_id", *_KEY]
    wanted = mine["product_id"].unique()
    with_ours = all_lines.filter(pl.col("product_id").is_in(wanted.implode()))
    together = (
        with_ours.rename({"product_id": "ours"})
        .join(all_lines, on=order)
        .filter(pl.col("product_id") != pl.col("ours"))
        .group_by("ours", "product_id")
        .len()
        .join(mine.rename({"product_id": "ours"}), on="ours")
        .group_by("run_id", "product_id")
        .agg(pl.col("len").sum().alias("n"))
    )
    sold = all_lines.group_by("product_id").len(name="n").cast({"n": pl.Int64})
    best = sold.sort("n", "product_id", descending=True).head(20)
    popular = (
        mine.select("run_id").unique().join(best, how="cross").with_columns(pl.col("n") - _RARER)
    )
    chosen = (
        pl.concat([together.cast({"n": pl.Int64}), popular.select(together.columns)])
        .join(mine, on=["run_id", "product_id"], how="anti")
        .sort("run_id", "n", "product_id", descending=[False, True, False], maintain_order=True)
        .unique(["run_id", "product_id"], keep="first", maintain_order=True)
        .group_by("run_id", maintain_order=True)
        .head(MOST_SUGGESTED)
        .join(_products(world).collect(), on="product_id", how="left", maintain_order="left")
    )
    found: dict[int, dict[str, Any]] = {}
    for row in chosen.iter_rows(named=True):
        item = {
            "name": row["name"] or row["external_id"] or "",
            "quantity": 1,
            "price": "" if row["price"] is None else words.money(row["price"]),
        }
        found.setdefault(row["run_id"], {"items": []})["items"].append(item)
    return found


def _lines(world: FactsWorld, moves: Sequence[Move]) -> pl.LazyFrame:
    """The lines of the orders that started the runs, with run_id."""
    runs = pl.LazyFrame(
        {
            "run_id": [move.run.id for move in moves],
            "customer_id": [move.customer_id for move in moves],
            "at": [move.run.triggered_at for move in moves],
        },
        schema={"run_id": pl.Int64(), "customer_id": pl.Int64(), "at": UTC_INSTANT},
    )
    first = min(move.run.triggered_at for move in moves)
    lines = _order_lines(world, first - _ORDER_LASTS)
    begun = lines.join(runs, left_on=["customer_id", "ts"], right_on=["customer_id", "at"])
    which = begun.select("run_id", "customer_id", *_KEY).unique()
    return lines.join(which, on=["customer_id", *_KEY])


def _order_lines(world: FactsWorld, since: Any) -> pl.LazyFrame:
    columns = ["customer_id", "ts", *derive.ORDER_KEY_SOURCES, "product_id", "quantity", "value"]
    rows = world.facts.log.events(
        kinds=[Kind.ORDER_COMPLETED], since=since, until=world.horizon, columns=columns
    )
    return rows.with_columns(derive.order_key())


def _products(world: FactsWorld) -> pl.LazyFrame:
    return world.facts.log.products().select("product_id", "external_id", "name", "price")
