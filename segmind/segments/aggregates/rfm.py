"""Recency, frequency and monetary scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.segments import rfm
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources


@dataclass(frozen=True)
class RfmScores(Aggregate):
    """Scores (1 to 5) and figures of the customers with orders in the span; see ``rfm``."""

    span: Span

    missing: ClassVar[Mapping[str, Any]] = {
        "r": None,
        "f": None,
        "m": None,
        "orders": 0,
        "net": 0,
        "last_order": None,
    }

    def frame(self, sources: Sources) -> Frame:
        figures = sources.population.side_by_side(
            {
                "orders": (int(Kind.ORDER), self.span, "n"),
                "last_order": (int(Kind.ORDER), self.span, "last_ts"),
                "bought": (int(Kind.ORDER_COMPLETED), self.span, "value"),
                "refunded": (int(Kind.ORDER_REFUNDED), self.span, "value"),
            }
        )
        base = figures.filter(nw.col("orders") > 0).select(
            CUSTOMER,
            nw.col("orders").cast(nw.Int64),
            "last_order",
            (nw.col("bought") - nw.col("refunded")).alias("net"),
        )
        return base.with_columns(
            r=rfm.score("last_order"), f=rfm.score("orders"), m=rfm.score("net")
        )
