"""A ledger's credit by what the log alone does not tell: step, variant, segment, product, day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.analytics import order_book
from segmind.analytics.attribution import Ledger, summed
from segmind.analytics.customer_numbers import is_among
from segmind.analytics.shares import largest_remainder
from segmind.customers.facts import Facts
from segmind.db.copy import copy_out
from segmind.events import derive
from segmind.events.schema import Source

Dimension = Literal["source", "step", "variant", "channel", "segment", "product", "day"]
DIMENSIONS: Final[dict[Dimension, tuple[str, ...]]] = {
    "source": ("source_kind", "source_id", "channel"),
    "step": ("source_id", "step", "channel"),
    "variant": ("source_id", "variant", "channel"),
    "channel": ("channel",),
    "segment": ("segment_id",),
    "product": ("product_id",),
    "day": ("day",),
}
_KEY: Final = ["customer_id", *derive.ORDER_KEY]


def table(
    conn: Connection,
    facts: Facts,
    ledger: Ledger,
    by: Dimension,
    members: Mapping[int, pl.Series] | None = None,
) -> pl.DataFrame:
    """The ledger's credit by one dimension: its keys (DIMENSIONS), orders, customers, revenue.

    ``members``: of each segment by id, for credit by segment.
    """
    match by:
        case "source":
            return by_source(ledger)
        case "channel":
            return by_channel(ledger)
        case "step":
            return by_step(conn, ledger)
        case "variant":
            return by_variant(conn, ledger)
        case "segment":
            return by_segment(ledger, members or {})
        case "product":
            return by_product(facts, ledger)
        case "day":
            return by_day(ledger)


def by_source(ledger: Ledger) -> pl.DataFrame:
    """source_kind, source_id, channel, orders, customers, revenue; most revenue first."""
    return ledger.by(*DIMENSIONS["source"])


def by_channel(ledger: Ledger) -> pl.DataFrame:
    """channel, orders, customers, revenue."""
    return ledger.by("channel")


def by_step(conn: Connection, ledger: Ledger) -> pl.DataFrame:
    """source_id (the automation's), step (its id), channel, orders, customers, revenue."""
    return _by_part(conn, ledger, Source.AUTOMATION, "step")


def by_variant(conn: Connection, ledger: Ledger) -> pl.DataFrame:
    """source_id (the campaign's), variant (its name; null: the only one), channel, orders,
    customers, revenue."""
    return _by_part(conn, ledger, Source.CAMPAIGN, "variant")


def by_day(ledger: Ledger) -> pl.DataFrame:
    """day (calendar day of the order in the period's zone), orders, customers, revenue; in order.
    Days without credit are left out."""
    local = pl.col("ts").dt.convert_time_zone(ledger.period.zone.key).dt.date()
    return summed(ledger.credits.with_columns(day=local), ["day"]).sort("day")


def by_segment(ledger: Ledger, members: Mapping[int, pl.Series]) -> pl.DataFrame:
    """segment_id, orders, customers, revenue of the present members, in the order of ``members``.

    A customer may be in several segments, so that rows do not add up to the ledger.
    """
    customers = ledger.credits["customer_id"].to_numpy()
    rows = []
    for segment_id, ids in members.items():
        mine = ledger.credits.filter(pl.Series(is_among(customers, ids.to_numpy())))
        rows.append(
            (
                segment_id,
                mine["order_row"].n_unique(),
                mine["customer_id"].n_unique(),
                int(mine["credited"].sum()),
            )
        )
    columns = ("segment_id", "orders", "customers", "revenue")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.Int64()), orient="row")


def by_product(facts: Facts, ledger: Ledger) -> pl.DataFrame:
    """product_id (null: lines that name none), orders, customers, revenue; most revenue first.

    What an order is credited is shared out over its lines up to the period's end by their values,
    in whole minor units that add up; refunds, which name no product, lower all lines alike.
    """
    credits = ledger.credits
    by_order = credits.group_by("order_row", maintain_order=True).agg(
        pl.col(*_KEY).first(), pl.col("credited").sum()
    )
    lines = _lines(facts, ledger, by_order["customer_id"].unique())
    parts = by_order.join(lines, on=_KEY, maintain_order="left")
    if parts.is_empty():
        return summed(
            parts.with_columns(pl.lit(None, pl.Int32).alias("product_id")), ["product_id"]
        )
    group = (parts["order_row"].rle_id()).to_numpy().astype(np.int64)
    firsts = np.flatnonzero(np.diff(group, prepend=-1))
    amounts = parts["credited"].to_numpy()[firsts]
    value = parts["value"].to_numpy()
    # Lines of nothing get nothing, unless the whole order is worth nothing.
    total = np.repeat(np.add.reduceat(value, firsts), np.diff(firsts, append=len(group)))
    weight = np.where(total > 0, value, 1)
    some = weight > 0
    shares = np.zeros(len(group), np.int64)
    shares[some] = largest_remainder(group[some], weight[some], amounts)
    return summed(parts.with_columns(credited=pl.Series(shares)), ["product_id"])


def _lines(facts: Facts, ledger: Ledger, customers: pl.Series) -> pl.DataFrame:
    """_KEY, product_id, value (not negative): these customers' orders of the period by product."""
    period = ledger.period
    return (
        order_book.book(facts)
        .lines_of(customers, period.since, period.until)
        .group_by(*_KEY, "product_id")
        .agg(pl.col("value").clip(lower_bound=0).sum())
        .sort(*_KEY, "product_id")
    )


def _by_part(conn: Connection, ledger: Ledger, source: Source, name: str) -> pl.DataFrame:
    credits = ledger.credits.filter(pl.col("source_kind") == int(source))
    ids = credits["message_id"].unique().to_list()
    schema = {"message_id": pl.Int64(), name: pl.String()}
    steps = copy_out(conn, "SELECT id, step FROM message WHERE id = ANY(%s)", schema, [ids])
    named = credits.join(steps, on="message_id", how="left")
    return summed(named, ["source_id", name, "channel"])
