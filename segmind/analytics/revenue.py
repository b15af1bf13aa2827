"""Revenue: what the shop took, net of refunds, and what of it messages are credited with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from segmind.analytics import order_book
from segmind.analytics.attribution import Ledger
from segmind.analytics.buckets import buckets_of
from segmind.analytics.definition import Definition
from segmind.analytics.instants import micros
from segmind.analytics.order_book import Sums
from segmind.analytics.orders import unordered
from segmind.analytics.period import Period
from segmind.customers.facts import Facts


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
    book = order_book.book(facts)
    since, until = micros(period.since), micros(period.until)
    return Summary(
        gross=sum(part.between(since, until) for part in book.lines),
        refunds=sum(part.between(since, until) for part in book.refunds),
        orders=ledger.orders,
        buyers=ledger.buyers,
        attributed=ledger.credited,
        attributed_orders=ledger.credited_orders,
    )


def over_time(facts: Facts, period: Period) -> pl.DataFrame:
    """One row per bucket: bucket Datetime("us") local, gross, refunds, net, orders (Int64)."""
    book, buckets = order_book.book(facts), buckets_of(period)

    def money(parts: list[Sums]) -> pl.Series:
        found = [buckets.sums(part.ts, part.value) for part in parts]
        return pl.Series(np.sum(found, axis=0), dtype=pl.Int64)

    # In two ascending stretches, settled ones and new ones: a stable sort lays them together.
    made = unordered(facts, period.since, period.until, period.until)
    starts = np.sort(made["ts"].to_numpy(), kind="stable")
    return buckets.starts.with_columns(
        gross=money(book.lines),
        refunds=money(book.refunds),
        orders=pl.Series(buckets.counts(starts)),
    ).select(
        "bucket", "gross", "refunds", (pl.col("gross") - pl.col("refunds")).alias("net"), "orders"
    )


def attributed_over_time(ledger: Ledger) -> pl.DataFrame:
    """One row per bucket and channel with credit: bucket, channel Int8, revenue, orders (Int64).

    Buckets without credit are there with zeros for each channel that has any.
    """
    period = ledger.period
    credited = ledger.credits.group_by(period.bucket(pl.col("ts")).alias("bucket"), "channel").agg(
        pl.col("credited").sum().alias("revenue"), pl.len().cast(pl.Int64).alias("orders")
    )
    grid = period.buckets().join(credited.select("channel").unique(), how="cross")
    return (
        grid.join(credited, on=["bucket", "channel"], how="left")
        .with_columns(pl.col("revenue", "orders").fill_null(0))
        .sort("bucket", "channel")
    )


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
