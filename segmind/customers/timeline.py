"""What one customer did and got, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from segmind.customers.facts import Facts

TIMELINE_COLUMNS: Final = (
    "ts",
    "kind",
    "name",  # the event's
    "product_id",
    "product",  # the product's name, else its external id
    "quantity",
    "value",  # minor units
    "currency",
    "channel",
    "source_kind",
    "source_id",
    "message_id",
    "machine",
    "properties",  # JSON text
)


def of_customer(
    facts: Facts,
    customer_id: int,
    *,
    until: datetime | None = None,
    since: datetime | None = None,
    limit: int | None = 50,
) -> pl.DataFrame:
    """The newest ``limit`` events (None: all) in ``[since, until)``, as TIMELINE_COLUMNS.

    Events of one instant (the lines of an order) stay together, so a page may be a little longer,
    and the next page's ``until`` is the last ``ts`` of this one.
    """
    own = facts.log.events(since=since, until=until, customers=[customer_id])
    order = ["ts", "event_hi", "event_lo"]
    picked = own.collect().sort(order, descending=True)
    if limit is not None and picked.height > limit:
        picked = picked.filter(pl.col("ts") >= picked["ts"][limit - 1])
    names = pl.DataFrame(
        list(facts.log.names().items()), schema={"name": pl.String, "kind": pl.Int16}, orient="row"
    )
    products = facts.log.products().select(
        "product_id", pl.coalesce("name", "external_id").alias("product")
    )
    return (
        picked.lazy()
        .join(names.lazy(), on="kind", how="left")
        .join(products, on="product_id", how="left")
        .sort(order, descending=True)
        .select(TIMELINE_COLUMNS)
        .collect()
    )
