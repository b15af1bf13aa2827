"""Net revenue and where it places a customer."""

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
class NetRevenueRank(Aggregate):
    """Net revenue of the customers with orders in the span, and their places by it.

    Net revenue: the values of order lines less those of refunds, each counted when it happened.
    ``place`` is one more than the number of customers with more (ties share the better place);
    ``of`` is how many customers there are.
    """

    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"net": None, "place": None, "of": None}

    def frame(self, sources: Sources) -> Frame:
        figures = sources.population.side_by_side(
            {
                "orders": (int(Kind.ORDER), self.span, "n"),
                "bought": (int(Kind.ORDER_COMPLETED), self.span, "value"),
                "refunded": (int(Kind.ORDER_REFUNDED), self.span, "value"),
            }
        )
        buyers = figures.filter(nw.col("orders") > 0).select(
            CUSTOMER, (nw.col("bought") - nw.col("refunded")).alias("net")
        )
        return buyers.with_columns(
            place=nw.col("net").rank("min", descending=True).cast(nw.Int64),
            of=nw.len().cast(nw.Int64),
        )
