"""What one customer did and got, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from segmind.customers.facts import Facts
from segmind.events import newest
from segmind.events.spans import Span

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
    picked = newest.of_customer(facts.log.rolled, customer_id, Span(since, until), limit)
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
        .sort(newest.ORDER, descending=True)
        .select(TIMELINE_COLUMNS)
        .collect()
    )
