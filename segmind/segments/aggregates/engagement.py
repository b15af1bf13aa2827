"""What became of messages to a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import UTC_INSTANT, Channel, Kind, Source
from segmind.events.spans import Span
from segmind.events.vectors.vector import NEVER
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources, as_instants


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
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "messages": pl.Int64(),
        "last_ts": UTC_INSTANT,
    }

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

    def has_vector(self, sources: Sources) -> bool:
        return super().has_vector(sources) and sources.is_few(int(self.kind), self.span)

    def vector(self, column: str, sources: Sources) -> pl.Series:
        customers, instants, messages = sources.once(self, lambda: self._told(sources))
        if column == "last_ts":
            last = np.full(sources.size, NEVER)
            np.maximum.at(last, customers, instants)
            return as_instants(last, NEVER)
        # Every receipt that names no message, and of those of one message any.
        named = messages != 0
        who, which = customers[named], messages[named]
        order = np.lexsort((who, which))
        who, which = who[order], which[order]
        again = np.zeros(who.size, dtype=np.bool_)
        again[1:] = (which[1:] == which[:-1]) & (who[1:] == who[:-1])
        counted = np.concatenate([customers[~named], who[~again]])
        return pl.Series(column, np.bincount(counted, minlength=sources.size))

    def _told(self, sources: Sources) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Customers, instants and messages (0: none is named) of the receipts that count."""
        columns = ("message_id", "channel", "source_kind", "source_id", "machine")
        found = (
            [np.zeros(0, dtype=np.int64)] * 3,
            *(
                self._counting(arrays)
                for arrays in sources.moves(int(self.kind), self.span, columns)
            ),
        )
        customers, instants, messages = (
            np.concatenate(parts) for parts in zip(*found, strict=True)
        )
        return customers, instants, messages

    def _counting(self, arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        customers, instants, messages, channels, kinds, numbers, machine = arrays
        counts = machine == 0
        if self.channel is not None:
            counts &= channels == int(self.channel)
        if self.source is not None:
            counts &= kinds == int(self.source[0])
            if self.source[1] is not None:
                counts &= numbers == self.source[1]
        return [customers[counts], instants[counts], messages[counts]]
