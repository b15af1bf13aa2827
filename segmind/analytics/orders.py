"""Orders with what they are worth after refunds: one row each."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from segmind.analytics import order_book
from segmind.analytics.instants import as_instants, micros
from segmind.customers.facts import Facts
from segmind.events.derive import ORDER_KEY
from segmind.events.schema import UTC_INSTANT

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
    return numbered(unordered(facts, since, until, as_of)).select(
        pl.col(name).cast(kind) for name, kind in ORDER_COLUMNS.items()
    )


def unordered(facts: Facts, since: datetime, until: datetime, as_of: datetime) -> pl.DataFrame:
    """The same orders without order_id, in no promised order, with what tells them apart
    (customer_id and ORDER_KEY); ``ts`` in microseconds since 1970."""
    made = order_book.book(facts).made_in(micros(since), micros(until), micros(as_of))
    return made.with_columns(net=pl.col("gross") - pl.col("refunded"))


def numbered(made: pl.DataFrame) -> pl.DataFrame:
    """``unordered`` orders in their order, with order_id, ``ts`` as an instant."""
    ordered = made.sort("ts", "customer_id", *ORDER_KEY).with_row_index("order_id")
    return ordered.with_columns(as_instants("ts"))
