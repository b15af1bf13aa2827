"""Engagement: what became of the messages of a period.

A message counts once in each column, in the bucket of its first such receipt in the period. Opens
and clicks are human ones; those that a machine made stand apart and are never mixed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Channel, Kind, Source

#: Column of an answer: (kind of event, by a machine; None: either).
METRICS: Final[dict[str, tuple[Kind, bool | None]]] = {
    "sent": (Kind.MESSAGE_SENT, None),
    "delivered": (Kind.MESSAGE_DELIVERED, None),
    "bounced": (Kind.MESSAGE_BOUNCED, None),
    "opened": (Kind.MESSAGE_OPENED, False),
    "clicked": (Kind.MESSAGE_CLICKED, False),
    "unsubscribed": (Kind.MESSAGE_UNSUBSCRIBED, None),
    "complained": (Kind.MESSAGE_COMPLAINED, None),
    "machine_opened": (Kind.MESSAGE_OPENED, True),
    "machine_clicked": (Kind.MESSAGE_CLICKED, True),
}
_KINDS: Final = sorted({int(kind) for kind, _ in METRICS.values()})


@dataclass(frozen=True, slots=True)
class Which:
    """Which messages a question is about; None: all of them."""

    channel: Channel | None = None
    source: Source | None = None
    source_id: int | None = None


def over_time(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per bucket and channel: bucket Datetime("us") local, channel Int8, METRICS Int64.

    Buckets without messages are there with zeros, for each channel that the period has.
    """
    bucket = period.bucket(pl.col("ts")).alias("bucket")
    counted = _count(_first_receipts(facts, period, which), [bucket, pl.col("channel")])
    channels = counted.select("channel").unique()
    grid = period.buckets().join(channels, how="cross")
    filled = grid.join(counted, on=["bucket", "channel"], how="left")
    return filled.with_columns(pl.col(list(METRICS)).fill_null(0)).sort("bucket", "channel")


def by_channel(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per channel that the period has: channel Int8, METRICS Int64."""
    return _count(_first_receipts(facts, period, which), [pl.col("channel")]).sort("channel")


def by_source(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per campaign, automation or single message: source_kind Int8, source_id Int64,
    channel Int8, METRICS Int64; most sent first."""
    keys = [pl.col("source_kind"), pl.col("source_id"), pl.col("channel")]
    counted = _count(_first_receipts(facts, period, which), keys)
    return counted.sort("sent", "source_kind", "source_id", descending=[True, False, False])


def totals(facts: Facts, period: Period, which: Which | None = None) -> dict[str, int]:
    """METRICS over the whole period."""
    counted = by_channel(facts, period, which).select(list(METRICS)).sum()
    return {name: int(counted[name].item() or 0) for name in METRICS}


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


def _first_receipts(facts: Facts, period: Period, which: Which | None) -> pl.LazyFrame:
    """The first receipt of each message, kind and maker in the period."""
    columns = ["ts", "kind", "channel", "message_id", "source_kind", "source_id", "machine"]
    rows = facts.log.events(
        kinds=_KINDS, since=period.since, until=period.until, columns=columns
    ).filter(pl.col("message_id").is_not_null(), *_filters(which or Which()))
    # Only opens and clicks are told apart by their maker; any other receipt counts once.
    told_apart = pl.col("kind").is_in([int(Kind.MESSAGE_OPENED), int(Kind.MESSAGE_CLICKED)])
    return (
        rows.with_columns(pl.col("machine").fill_null(value=False) & told_apart)
        .group_by("message_id", "kind", "machine")
        .agg(
            pl.col("ts").min(),
            pl.col("channel", "source_kind", "source_id").first(),
        )
    )


def _filters(which: Which) -> Sequence[pl.Expr]:
    pairs = (("channel", which.channel), ("source_kind", which.source),
             ("source_id", which.source_id))  # fmt: skip
    return [pl.col(name) == int(value) for name, value in pairs if value is not None]


def _count(receipts: pl.LazyFrame, keys: list[pl.Expr]) -> pl.DataFrame:
    counts = []
    for name, (kind, machine) in METRICS.items():
        is_it = pl.col("kind") == int(kind)
        if machine is not None:
            is_it = is_it & (pl.col("machine") == machine)
        counts.append(is_it.sum().cast(pl.Int64).alias(name))
    return receipts.group_by(keys).agg(counts).collect()
