"""The same orders under every rule: what each credits, and who gets what of one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from segmind.analytics.attribution import Ledger
from segmind.analytics.definition import Definition
from segmind.analytics.period import Period

SIDE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "rule": pl.String(),  # its key
    "name": pl.String(),
    "adds_up": pl.Boolean(),
    "orders": pl.Int64(),  # credited to anything
    "credited": pl.Int64(),  # minor units, under vendors' rules with repeats
    "covered": pl.Int64(),  # the credited orders' net revenue, each order once
    "counted_twice": pl.Int64(),  # credited - covered
    "share": pl.Float64(),  # credited / net revenue of all orders; null where that is 0
}


def table(books: Mapping[str, Ledger]) -> pl.DataFrame:
    """One row per rule as SIDE_COLUMNS, in the order of ``books``."""
    rows = [
        (
            key,
            book.rule.name,
            book.rule.adds_up,
            book.credited_orders,
            book.credited,
            book.covered,
            book.counted_twice,
            book.credited / book.net if book.net > 0 else None,
        )
        for key, book in books.items()
    ]
    return pl.DataFrame(rows, schema=SIDE_COLUMNS, orient="row")


def contested(books: Mapping[str, Ledger], limit: int = 50) -> pl.DataFrame:
    """Orders that the most messages claim: order_row, customer_id, ts, net, messages (different
    ones credited by any rule); those with the most, then the dearest, first."""
    keys = ["order_row", "customer_id", "ts", "net"]
    together = pl.concat(
        [book.credits.select(*keys, "message_id") for book in books.values()]
        or [pl.DataFrame(schema=dict.fromkeys([*keys, "message_id"], pl.Int64()))]
    )
    counted = together.group_by(keys).agg(
        pl.col("message_id").n_unique().cast(pl.Int64).alias("messages")
    )
    order = ["messages", "net", "order_row"]
    return counted.sort(order, descending=[True, True, False]).head(limit)


def of_order(books: Mapping[str, Ledger], order_row: int) -> pl.DataFrame:
    """Who gets what of one order of ``contested``: rule (its key), attribution.CREDIT_COLUMNS; by
    rule, then touch. A rule that credits it to nothing has no row."""
    parts = [
        book.credits.filter(pl.col("order_row") == order_row)
        .sort("touched_at", "message_id")
        .select(
            pl.lit(key).alias("rule"),
            "message_id",
            "channel",
            "source_kind",
            "source_id",
            "act",
            "touched_at",
            "credited",
        )
        for key, book in books.items()
    ]
    return pl.concat(parts)


def definition(period: Period) -> Definition:
    """What the columns mean."""
    return Definition(
        what="Credited: what the rule gives to messages. Counted twice: what it gives beyond the "
        "net revenue of each order. Vendors' rules are those that they document, at their "
        "default windows.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}, by the instant of "
        "the order; touches by each rule's own windows",
        start_point="the instant of the touch; one at the order's own instant counts",
        tie_break="the later touch; of touches at one instant the message with the larger id",
        zone=period.zone.key,
        as_of=period.until,
    )
