"""Which messages a question is about."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.events.schema import Channel, Source


@dataclass(frozen=True, slots=True, eq=False)
class Which:
    """Messages of a channel, of a kind of source, of one source, to some customers; None: all.

    ``customers``: Int64 ids of now; what was sent to customers merged into them counts as theirs.
    """

    channel: Channel | None = None
    source: Source | None = None
    source_id: int | None = None
    customers: pl.Series | None = None
