"""Segment performance: what the members of each segment did in a period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Kind

PERFORMANCE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "segment_id": pl.Int64(),
    "size": pl.Int64(),
    "buyers": pl.Int64(),  # members with an order in the period
    "orders": pl.Int64(),
    "sessions": pl.Int64(),
    "net_revenue": pl.Int64(),  # minor units
    "conversion_rate": pl.Float64(),  # buyers / size; null where the segment is empty
    "revenue_per_customer": pl.Float64(),  # minor units; null where the segment is empty
}


def table(facts: Facts, members: Mapping[int, pl.Series], period: Period) -> pl.DataFrame:
    """One row per segment as PERFORMANCE_COLUMNS, in the order of ``members``.

    ``members``: customer ids (Int64) by segment id, as of now. Their acts in the whole period
    count, also from before they entered.
    """
    acts = _acts(facts, period)
    rows = []
    for segment_id, ids in members.items():
        mine = acts.join(pl.DataFrame({"customer_id": ids.cast(pl.Int64)}), on="customer_id",
                         how="semi")  # fmt: skip
        size = len(ids)
        buyers, net = int((mine["orders"] > 0).sum()), int(mine["net_revenue"].sum())
        rows.append(
            {
                "segment_id": segment_id,
                "size": size,
                "buyers": buyers,
                "orders": int(mine["orders"].sum()),
                "sessions": int(mine["sessions"].sum()),
                "net_revenue": net,
                "conversion_rate": buyers / size if size else None,
                "revenue_per_customer": net / size if size else None,
            }
        )
    return pl.DataFrame(rows, schema=PERFORMANCE_COLUMNS)


def definition(period: Period) -> Definition:
    """What the columns mean."""
    return Definition(
        what="Conversion rate: members with an order in the period / members. Revenue per "
        "customer: net revenue of the members in the period / members. A customer may be in "
        "several segments.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}",
        start_point="members as of the last refresh; acts by the instant of the event",
        tie_break="none",
        zone=period.zone.key,
        as_of=period.until,
    )


def _acts(facts: Facts, period: Period) -> pl.DataFrame:
    def summed(column: str, kind: Kind) -> pl.Expr:
        return pl.col(column).filter(pl.col("kind") == int(kind)).sum().cast(pl.Int64)

    return (
        facts.log.totals(
            [Kind.ORDER, Kind.SESSION, Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED],
            since=period.since,
            until=period.until,
        )
        .group_by("customer_id")
        .agg(
            summed("n", Kind.ORDER).alias("orders"),
            summed("n", Kind.SESSION).alias("sessions"),
            (summed("value", Kind.ORDER_COMPLETED) - summed("value", Kind.ORDER_REFUNDED)).alias(
                "net_revenue"
            ),
        )
        .collect()
    )
