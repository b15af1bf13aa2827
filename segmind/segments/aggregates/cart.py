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
from segmind.events.vectors.columns import ITEMS
from segmind.events.vectors.vector import NEVER
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources, as_instants


@dataclass(frozen=True)
class Cart(Aggregate):
    """Items added less items removed since the last order line, and when the last was added.

    Only what happened strictly after the last line bought counts: buying empties the cart. An
    event without a quantity is about one item.
    """

    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"items": 0, "last_added": None}

    def frame(self, sources: Sources) -> Frame:
        bought = sources.totals([Kind.ORDER_COMPLETED], self.span)
        columns = (CUSTOMER, "ts", "kind", "quantity")
        moves = sources.events([Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED], self.span, columns)
        since = bought.select(CUSTOMER, nw.col("last_ts").alias("emptied"))
        moves = moves.join(since, on=CUSTOMER, how="left").filter(
            nw.col("emptied").is_null() | (nw.col("ts") > nw.col("emptied"))
        )
        is_in = nw.col("kind") == int(Kind.PRODUCT_ADDED)
        quantity = nw.col("quantity").cast(nw.Int64).fill_null(1)
        moves = moves.with_columns(
            items=nw.when(is_in).then(quantity).otherwise(-quantity),
            last_added=nw.when(is_in).then(nw.col("ts")),
        )
        return moves.group_by(CUSTOMER).agg(nw.col("items").sum(), nw.col("last_added").max())

    @property
    def vector_types(self) -> Mapping[str, pl.DataType]:
        return {"items": pl.Int64(), "last_added": UTC_INSTANT}

    def vector(self, column: str, sources: Sources) -> pl.Series:
        items, last_added = sources.once(self, lambda: self._contents(sources))
        if column == "items":
            return pl.Series(column, items)
        return as_instants(last_added, NEVER)

    def _contents(self, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
        """Items, and when the last was added (microseconds, else NEVER), by customer id."""
        emptied = sources.last(Kind.ORDER_COMPLETED, self.span)
        items = np.zeros(emptied.size, dtype=np.int64)
        last_added = np.full(emptied.size, NEVER)
        for kind, sign in ((Kind.PRODUCT_ADDED, 1), (Kind.PRODUCT_REMOVED, -1)):
            for customers, instants, held in sources.moves(kind, self.span, [ITEMS]):
                counts = instants > emptied[customers]
                its = customers[counts]
                np.add.at(items, its, sign * held[counts])
                if sign > 0:
                    np.maximum.at(last_added, its, instants[counts])
        return items, last_added
