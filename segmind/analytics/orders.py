"""Orders with what they are worth after refunds: one row each."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from segmind.customers.facts import Facts
from segmind.events import derive
from segmind.events.schema import UTC_INSTANT, Kind
from segmind.events.spans import Span

ORDER_COLUMNS: Final[dict[str, pl.DataType]] = {
    "order_id": pl.Int64(),  # counts from 0 in order of (ts, customer); lives with the answer
    "customer_id": pl.Int64(),
    "ts": UTC_INSTANT,  # the order's first line
    "gross": pl.Int64(),  # minor units
    "refunded": pl.Int64(),  # of this order, never more than gross
    "net": pl.Int64(),  # gross - refunded, never below 0
}


def orders(facts: Facts, since: datetime, until: datetime, as_of: datetime) -> pl.DataFrame:
    """Orders whose first line lies in ``[since, until)``, as ORDER_COLUMNS.

    Lines and refunds count up to ``as_of``. A refund belongs to the order with its order id (of
    the same customer); one that names no order lowers the shop's revenue, but no order's.
    """
    key = ["customer_id", *derive.ORDER_KEY]
    lines = derive.order_lines(facts.log.rows, [Span(None, as_of)])
    found = (
        lines.group_by(key)
        .agg(pl.col("ts").min(), pl.col("value").sum().alias("gross"))
        .filter(pl.col("ts") >= since, pl.col("ts") < until)
    )
    back = (
        facts.log.events(
            kinds=[Kind.ORDER_REFUNDED],
            since=since,
            until=as_of,
            columns=["customer_id", "order_key", "value"],
        )
        .filter(pl.col("order_key").is_not_null())
        .group_by("customer_id", pl.col("order_key").alias("order_hi"))
        .agg(pl.col("value").sum().alias("back"))
        .with_columns(pl.lit(0, pl.Int8).alias("order_form"))
    )
    joined = found.join(back, on=["customer_id", "order_form", "order_hi"], how="left")
    refunded = pl.min_horizontal(pl.col("back").fill_null(0), "gross")
    return (
        joined.with_columns(refunded.alias("refunded"))
        .with_columns((pl.col("gross") - pl.col("refunded")).alias("net"))
        .sort("ts", "customer_id", "order_form", "order_hi", "order_lo")
        .with_row_index("order_id")
        .select(pl.col(name).cast(kind) for name, kind in ORDER_COLUMNS.items())
        .collect()
    )
