"""What just happened: the newest events, as they come in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from segmind.customers.facts import Facts
from segmind.events import newest
from segmind.events.names import name_of
from segmind.events.spans import Span

#: A quiet shop shows what happened up to so long ago.
_LOOK_BACK: Final = timedelta(days=2)


def recent_events(
    facts: Facts, now: datetime, limit: int = 30, *, without: Collection[int] = ()
) -> pl.DataFrame:
    """The newest events up to ``now``, newest first; those of the kinds ``without`` left out.

    Columns: ts, customer_id, name (of the event), channel Int8, source_kind Int8, source_id,
    message_id, value (minor units), product (its name or the shop's id), machine.
    """
    window = Span(now - _LOOK_BACK, now + timedelta(microseconds=1))
    rows = newest.of_all(facts.log.rows, window, limit, without)
    products = facts.log.products().select(
        "product_id", pl.coalesce("name", "external_id").alias("product")
    )
    found = rows.lazy().join(products, on="product_id", how="left", maintain_order="left").collect()
    names = facts.log.names()
    return found.with_columns(
        pl.Series("name", [name_of(names, code) for code in found["kind"]], dtype=pl.String)
    ).select(
        "ts", "customer_id", "name", "channel", "source_kind", "source_id", "message_id", "value",
        "product", "machine",
    )  # fmt: skip
