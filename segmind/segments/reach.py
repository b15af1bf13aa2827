"""Who can be reached on a channel: an address that works, a recorded yes, no suppression."""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

from segmind.consent import gate
from segmind.consent.purpose import Purpose

ChannelName = Literal["email", "sms", "push"]
CHANNELS: Final[tuple[ChannelName, ...]] = ("email", "sms", "push")


def with_reachable(customers: pl.LazyFrame, channel: str, name: str) -> pl.LazyFrame:
    """The customers with a Boolean column ``name``: may marketing write to them on ``channel``."""
    screened = gate.screen(customers, channel, Purpose.MARKETING)
    return screened.with_columns(pl.col("reason").is_null().alias(name)).drop("address", "reason")


def counts(customers: pl.LazyFrame) -> pl.LazyFrame:
    """One row: how many of the customers can be reached, a column per channel."""
    for channel in CHANNELS:
        customers = with_reachable(customers, channel, f"reachable:{channel}")
    return customers.select(pl.col(f"reachable:{c}").sum().alias(c) for c in CHANNELS)
