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

_KINDS = (int(Kind.ORDER), int(Kind.ORDER_COMPLETED), int(Kind.ORDER_REFUNDED))


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
        kind, value = nw.col("kind"), nw.col("value")
        is_order, is_line = kind == int(Kind.ORDER), kind == int(Kind.ORDER_COMPLETED)
        rows = sources.totals(_KINDS, self.span).select(
            CUSTOMER,
            nw.when(is_order).then(nw.col("n")).otherwise(0).alias("orders"),
            nw.when(is_order).then(nw.col("last_ts")).alias("last_order"),
            nw.when(is_line)
            .then(value)
            .when(kind == int(Kind.ORDER_REFUNDED))
            .then(-value)
            .otherwise(0)
            .alias("net"),
        )
        sums = rows.group_by(CUSTOMER).agg(
            nw.col("orders").sum(), nw.col("net").sum(), nw.col("last_order").max()
        )
        # Those who are gone make nobody better.
        base = sums.filter(nw.col("orders") > 0).join(sources.customers(), on=CUSTOMER, how="semi")
        return base.with_columns(
            r=rfm.score("last_order"), f=rfm.score("orders"), m=rfm.score("net")
        )
