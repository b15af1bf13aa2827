"""What became of messages to a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.schema import Channel, Kind, Source
from segmind.events.spans import Span
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources


@dataclass(frozen=True)
class Messages(Aggregate):
    """Messages that were sent, delivered, opened ...: each counts once, however often opened.

    What machines opened or clicked does not count. An event that names no message is one by itself.
    ``source``: messages of one kind of source, or of that one source.
    """

    kind: Kind
    channel: Channel | None
    source: tuple[Source, int | None] | None
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"messages": 0, "last_ts": None}

    def frame(self, sources: Sources) -> Frame:
        columns = (CUSTOMER, "ts", "message_id", "channel", "source_kind", "source_id", "machine")
        rows = sources.events([int(self.kind)], self.span, columns)
        rows = rows.filter(~nw.col("machine").fill_null(False))
        if self.channel is not None:
            rows = rows.filter(nw.col("channel") == int(self.channel))
        if self.source is not None:
            kind, number = self.source
            rows = rows.filter(nw.col("source_kind") == int(kind))
            if number is not None:
                rows = rows.filter(nw.col("source_id") == number)
        named = ~nw.col("message_id").is_null()
        by_message = rows.group_by(CUSTOMER, "message_id").agg(
            nw.len().alias("events"), nw.col("ts").max()
        )
        counted = by_message.with_columns(
            messages=nw.when(named).then(nw.lit(1)).otherwise(nw.col("events").cast(nw.Int64))
        )
        return counted.group_by(CUSTOMER).agg(
            nw.col("messages").sum().cast(nw.Int64), nw.col("ts").max().alias("last_ts")
        )
