"""What lies in the cart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import UTC_INSTANT, Kind
from segmind.events.spans import Span
from segmind.events.vectors.vector import NEVER
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources, as_instants

ADDED, REMOVED, LINE = Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED, Kind.ORDER_COMPLETED


@dataclass(frozen=True)
class Cart(Aggregate):
    """Items added less items removed since the last order line, and when the last was added.

    Only what happened strictly after the last line bought counts: buying empties the cart. An
    event without a quantity is about one item.
    """

    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"items": 0, "last_added": None}
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "items": pl.Int64(),
        "last_added": UTC_INSTANT,
    }

    def frame(self, sources: Sources) -> Frame:
        bought = sources.totals([LINE], self.span)
        columns = (CUSTOMER, "ts", "kind", "quantity")
        moves = sources.events([ADDED, REMOVED], self.span, columns)
        since = bought.select(CUSTOMER, nw.col("last_ts").alias("emptied"))
        moves = moves.join(since, on=CUSTOMER, how="left").filter(
            nw.col("emptied").is_null() | (nw.col("ts") > nw.col("emptied"))
        )
        is_in = nw.col("kind") == int(ADDED)
        quantity = nw.col("quantity").cast(nw.Int64).fill_null(1)
        moves = moves.with_columns(
            items=nw.when(is_in).then(quantity).otherwise(-quantity),
            last_added=nw.when(is_in).then(nw.col("ts")),
        )
        return moves.group_by(CUSTOMER).agg(nw.col("items").sum(), nw.col("last_added").max())

    def vector(self, column: str, sources: Sources) -> pl.Series:
        emptied = sources.once((self, "emptied"), lambda: self._last(LINE, sources))
        if column == "items":
            return pl.Series(
                column, sources.since_emptied(ADDED, REMOVED, LINE, self.span, emptied)
            )
        added = self._last(ADDED, sources)
        return as_instants(np.where(added > emptied, added, NEVER), NEVER)

    def _last(self, kind: Kind, sources: Sources) -> np.ndarray:
        return sources.last(kind, self.span)
