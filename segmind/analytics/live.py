"""What just happened: the newest events, as they come in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import polars as pl

from segmind.customers.facts import Facts
from segmind.events.names import name_of

#: Stretches to look back, until enough events are found: a quiet shop shows older ones.
_STRETCHES = (timedelta(minutes=5), timedelta(hours=2), timedelta(days=2))


def recent_events(
    facts: Facts, now: datetime, limit: int = 30, *, without: Collection[int] = ()
) -> pl.DataFrame:
    """The newest events up to ``now``, newest first; those of the kinds ``without`` left out.

    Columns: ts, customer_id, name (of the event), channel Int8, source_kind Int8, source_id,
    message_id, value (minor units), product (its name or the shop's id), machine.
    """
    until = now + timedelta(microseconds=1)
    for stretch in _STRETCHES:
        found = _newest(facts, now - stretch, until, limit, without)
        if found.height >= limit:
            break
    return found


def _newest(
    facts: Facts, since: datetime, until: datetime, limit: int, without: Collection[int]
) -> pl.DataFrame:
    columns = ["ts", "customer_id", "kind", "channel", "source_kind", "source_id", "message_id",
               "value", "product_id", "machine", "event_lo"]  # fmt: skip
    rows = (
        facts.log.events(since=since, until=until, columns=columns)
        .filter(~pl.col("kind").is_in([int(kind) for kind in without]))
        .sort("ts", "event_lo", descending=True)
        .head(limit)
    )
    products = facts.log.products().select(
        "product_id", pl.coalesce("name", "external_id").alias("product")
    )
    found = rows.join(products, on="product_id", how="left", maintain_order="left").collect()
    names = facts.log.names()
    return found.with_columns(
        pl.Series("name", [name_of(names, code) for code in found["kind"]], dtype=pl.String)
    ).select(
        "ts", "customer_id", "name", "channel", "source_kind", "source_id", "message_id", "value",
        "product", "machine",
    )  # fmt: skip
