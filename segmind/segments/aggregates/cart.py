"""What lies in the cart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources


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
