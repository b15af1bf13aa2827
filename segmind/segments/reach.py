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
