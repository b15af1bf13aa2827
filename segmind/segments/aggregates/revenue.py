"""Net revenue and where it places a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

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
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "net": pl.Int64(),
        "place": pl.Int64(),
        "of": pl.Int64(),
    }

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

    def vector(self, column: str, sources: Sources) -> pl.Series:
        net, is_buyer = sources.once(self, lambda: self._net(sources.population))
        match column:
            case "net":
                values = net
            case "place":
                values = sources.once((self, "place"), lambda: _places(net, is_buyer))
            case _:
                values = np.full(net.size, np.count_nonzero(is_buyer))
        there = pl.when(pl.Series(is_buyer)).then(pl.Series(values))
        return pl.select(there.alias(column)).to_series()

    def _net(self, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
        """Net revenue by customer id, and whether he is a customer with orders."""
        orders, bought, refunded = (
            sources.vector(int(kind), self.span, column).to_numpy()
            for kind, column in (
                (Kind.ORDER, "n"),
                (Kind.ORDER_COMPLETED, "value"),
                (Kind.ORDER_REFUNDED, "value"),
            )
        )
        return bought - refunded, (orders > 0) & sources.is_customer


def _places(net: np.ndarray, is_buyer: np.ndarray) -> np.ndarray:
    """One more than the number of buyers with more; 0 for those who are none."""
    places = np.zeros(net.size, dtype=np.int64)
    buyers = np.flatnonzero(is_buyer)
    best_first = buyers[np.argsort(-net[buyers])]
    ordered = net[best_first]
    # Equals share the place of the first of them.
    is_first = np.r_[True, ordered[1:] != ordered[:-1]][: ordered.size]
    first = np.maximum.accumulate(np.where(is_first, np.arange(ordered.size), 0))
    places[best_first] = first + 1
    return places
