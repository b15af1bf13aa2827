"""Engagement: what became of the messages of a period.

A message counts once in each column, in the bucket of its first such receipt in the period. Opens
and clicks are human ones; those that a machine made stand apart and are never mixed in.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from segmind.analytics.buckets import buckets_of
from segmind.analytics.definition import Definition
from segmind.analytics.first_receipts import tally
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.analytics.which import Which
from segmind.customers.facts import Facts

#: Sums of a tally by metric.
METRIC_SUMS: Final = [
    pl.col("n").filter(pl.col("metric") == number).sum().alias(name)
    for number, name in enumerate(METRICS)
]


def over_time(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per bucket and channel: bucket Datetime("us") local, channel Int8, METRICS Int64.

    Buckets without messages are there with zeros, for each channel that the period has.
    """
    starts = buckets_of(period).starts
    told = counted(facts, period, which, ["bucket", "channel"])
    grid = starts.join(told.select("channel").unique(), how="cross")
    filled = grid.join(told, on=["bucket", "channel"], how="left", nulls_equal=True)
    return filled.with_columns(pl.col(list(METRICS)).fill_null(0)).sort("bucket", "channel")


def by_channel(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per channel that the period has: channel Int8, METRICS Int64."""
    return counted(facts, period, which, ["channel"]).sort("channel")


def by_source(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per campaign, automation or single message: source_kind Int8, source_id Int64,
    channel Int8, METRICS Int64; most sent first."""
    told = counted(facts, period, which, ["source_kind", "source_id", "channel"])
    return told.sort("sent", "source_kind", "source_id", descending=[True, False, False])


def totals(facts: Facts, period: Period, which: Which | None = None) -> dict[str, int]:
    """METRICS over the whole period."""
    sums = by_channel(facts, period, which).select(list(METRICS)).sum()
    return {name: int(sums[name].item() or 0) for name in METRICS}


def definition(period: Period) -> Definition:
    """What the figures mean."""
    return Definition(
        what="Messages, each counted once by column. Opens and clicks are human; machine ones "
        "stand apart.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}",
        start_point="the instant that the receipt reports",
        tie_break="the first such receipt of a message in the period",
        zone=period.zone.key,
        as_of=period.until,
    )


def counted(facts: Facts, period: Period, which: Which | None, keys: list[str]) -> pl.DataFrame:
    """METRICS by ``keys`` (bucket, channel, source_kind, source_id), where there are any."""
    return summed(tally(facts, period, which or Which(), by_bucket="bucket" in keys), keys)


def summed(tallied: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """METRICS (Int64) by ``keys`` of a tally: rows with ``metric`` and ``n``. Nothing: no row."""
    sums = tallied.group_by(keys).agg(METRIC_SUMS)
    return sums.filter(pl.any_horizontal(pl.col(list(METRICS)) != 0))
