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
        kind, value = nw.col("kind"), nw.col("value")
        kinds = [Kind.ORDER, Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED]
        rows = sources.totals([int(k) for k in kinds], self.span)
        signed = rows.select(
            CUSTOMER,
            nw.when(kind == int(Kind.ORDER)).then(nw.col("n")).otherwise(0).alias("orders"),
            nw.when(kind == int(Kind.ORDER_COMPLETED))
            .then(value)
            .when(kind == int(Kind.ORDER_REFUNDED))
            .then(-value)
            .otherwise(0)
            .alias("net"),
        )
        sums = signed.group_by(CUSTOMER).agg(nw.col("orders").sum(), nw.col("net").sum())
        buyers = sums.filter(nw.col("orders") > 0)
        # Those who are gone take nobody's place.
        buyers = buyers.join(sources.customers(), on=CUSTOMER, how="semi")
        return buyers.with_columns(
            place=nw.col("net").rank("min", descending=True).cast(nw.Int64),
            of=nw.len().cast(nw.Int64),
        )
