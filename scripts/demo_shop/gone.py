"""Who can no longer be reached on which channel, as far as the shop's past has been told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from segmind.events.schema import UTC_INSTANT, Channel

UNSUBSCRIBED: Final = "unsubscribed"
_SCHEMA: Final = {"id": pl.Int64(), "at": UTC_INSTANT, "reason": pl.String()}


@dataclass
class Gone:
    """By channel: id, at and reason, each customer once (the first reason stays)."""

    _frames: dict[Channel, pl.DataFrame] = field(default_factory=dict)

    def of(self, channel: Channel) -> pl.DataFrame:
        return self._frames.get(channel, pl.DataFrame(schema=_SCHEMA))

    def add(self, channel: Channel, ids: pl.Series, at: pl.Series, reason: str) -> pl.Series:
        """Note that these left; returns which of them had not left before (a mask)."""
        known = self.of(channel)
        fresh = ~ids.is_in(known["id"].implode()) & ids.is_first_distinct()
        left = pl.DataFrame({"id": ids, "at": at}).filter(fresh)
        left = left.with_columns(pl.col("at").cast(UTC_INSTANT), reason=pl.lit(reason))
        self._frames[channel] = pl.concat([known, left])
        return fresh
