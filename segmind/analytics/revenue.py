"""Revenue: what the shop took, net of refunds, and what of it messages are credited with."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.analytics.attribution import Ledger
from segmind.analytics.definition import Definition
from segmind.analytics.orders import orders
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Kind


@dataclass(frozen=True, slots=True)
class Summary:
    """Money in minor units. ``refunds`` are those that happened in the period, whatever order they
    belong to; ``net`` = ``gross`` - ``refunds``. ``attributed`` follows the ledger's rule."""

    gross: int
    refunds: int
    orders: int
    buyers: int
    attributed: int
    attributed_orders: int

    @property
    def net(self) -> int:
        return self.gross - self.refunds

    @property
    def average_order(self) -> int | None:
        """Gross revenue per order, rounded to the minor unit; None without orders."""
        return round(self.gross / self.orders) if self.orders else None

    @property
    def attributed_share(self) -> float | None:
        """Attributed of net revenue, 0 to 1; None where there is no net revenue."""
        return self.attributed / self.net if self.net > 0 else None


def summary(facts: Facts, period: Period, ledger: Ledger) -> Summary:
    """The period's revenue; ``ledger`` is that of the same period."""
    totals = (
        facts.log.totals(
            [Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED, Kind.ORDER],
            since=period.since,
            until=period.until,
        )
        .group_by("kind")
        .agg(pl.col("n").sum(), pl.col("value").sum(), pl.col("customer_id").n_unique())
        .collect()
    )
    rows = {row["kind"]: row for row in totals.iter_rows(named=True)}

    def figure(kind: Kind, column: str) -> int:
        return int(rows[kind][column]) if kind in rows else 0

    return Summary(
        gross=figure(Kind.ORDER_COMPLETED, "value"),
        refunds=figure(Kind.ORDER_REFUNDED, "value"),
        orders=figure(Kind.ORDER, "n"),
        buyers=figure(Kind.ORDER, "customer_id"),
        attributed=ledger.credited,
        attributed_orders=ledger.credited_orders,
    )


def over_time(facts: Facts, period: Period) -> pl.DataFrame:
    """One row per bucket: bucket Datetime("us") local, gross, refunds, net, orders (Int64)."""
    counted = _by_hour(facts, period) if period.grain == "hour" else _by_day(facts, period)
    return (
        period.buckets()
        .join(counted, on="bucket", how="left")
        .with_columns(pl.exclude("bucket").fill_null(0))
        .with_columns((pl.col("gross") - pl.col("refunds")).alias("net"))
        .select("bucket", "gross", "refunds", "net", "orders")
        .sort("bucket")
    )


def _by_day(facts: Facts, period: Period) -> pl.DataFrame:
    kinds = [Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED, Kind.ORDER]
    rows = facts.log.daily(kinds, since=period.since, until=period.until)
    orders_made = pl.col("n").filter(pl.col("kind") == int(Kind.ORDER)).sum().cast(pl.Int64)
    bucket = period.bucket_of_day(pl.col("day")).alias("bucket")
    return rows.group_by(bucket).agg(*_money(), orders_made.alias("orders")).collect()


def _by_hour(facts: Facts, period: Period) -> pl.DataFrame:
    bucket = period.bucket(pl.col("ts")).alias("bucket")
    rows = facts.log.events(
        kinds=[Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED],
        since=period.since,
        until=period.until,
        columns=["kind", "value", "ts"],
    )
    made = orders(facts, period.since, period.until, period.until)
    counts = made.group_by(bucket).agg(pl.len().cast(pl.Int64).alias("orders"))
    return rows.group_by(bucket).agg(_money()).collect().join(counts, on="bucket", how="left")


def _money() -> list[pl.Expr]:
    kinds = (("gross", Kind.ORDER_COMPLETED), ("refunds", Kind.ORDER_REFUNDED))
    return [
        pl.col("value").filter(pl.col("kind") == int(kind)).sum().cast(pl.Int64).alias(name)
        for name, kind in kinds
    ]


def attributed_over_time(ledger: Ledger) -> pl.DataFrame:
    """One row per bucket and channel with credit: bucket, channel Int8, revenue, orders (Int64).

    Buckets without credit are there with zeros for each channel that has any.
    """
    period = ledger.period
    credited = (
        ledger.entries.filter(pl.col("message_id").is_not_null())
        .group_by(period.bucket(pl.col("ts")).alias("bucket"), "channel")
        .agg(pl.col("credited").sum().alias("revenue"), pl.len().cast(pl.Int64).alias("orders"))
    )
    grid = period.buckets().join(credited.select("channel").unique(), how="cross")
    return (
        grid.join(credited, on=["bucket", "channel"], how="left")
        .with_columns(pl.col("revenue", "orders").fill_null(0))
        .sort("bucket", "channel")
    )


def by_channel(ledger: Ledger) -> pl.DataFrame:
    """channel Int8, orders, customers, revenue (minor units); most revenue first."""
    return ledger.by("channel")


def by_source(ledger: Ledger) -> pl.DataFrame:
    """source_kind, source_id, channel, orders, customers, revenue; most revenue first."""
    return ledger.by("source_kind", "source_id", "channel")


def definition(period: Period) -> Definition:
    """What gross, refunds and net mean."""
    return Definition(
        what="Gross: order lines. Refunds: refunds that happened in the period. Net: gross minus "
        "refunds. An order happens at its first line.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}",
        start_point="the instant of each line and refund",
        tie_break="none: every line and refund counts once",
        zone=period.zone.key,
        as_of=period.until,
    )
