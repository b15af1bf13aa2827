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
        if not sources.are_of_everybody:
            return self._of_few(sources)
        figures = sources.side_by_side(
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

    def _of_few(self, sources: Sources) -> Frame:
        """The rows of those who are asked about: nobody else's place has to be told."""
        buyers, net = self._net(sources.population)
        theirs = np.flatnonzero(np.isin(buyers, sources.ids))
        ahead = [int(np.count_nonzero(net > own)) for own in net[theirs].tolist()]
        columns = {CUSTOMER: buyers[theirs], "net": net[theirs], "place": np.array(ahead, int) + 1}
        return nw.from_native(pl.LazyFrame(columns).with_columns(of=pl.lit(net.size, pl.Int64)))

    def vector(self, column: str, sources: Sources) -> pl.Series:
        buyers, net = sources.once(self, lambda: self._net(sources))
        values = np.zeros(sources.size, dtype=np.int64)
        match column:
            case "net":
                values[buyers] = net
            case "place":
                values[buyers] = sources.once((self, "place"), lambda: _places(net))
            case _:
                values[buyers] = net.size
        is_buyer = np.zeros(sources.size, dtype=np.bool_)
        is_buyer[buyers] = True
        there = pl.when(pl.Series(is_buyer)).then(pl.Series(values))
        return pl.select(there.alias(column)).to_series()

    def _net(self, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
        """The customers with orders (ids, ascending) and the net revenue of each."""
        buyers = sources.buyers
        ordered = buyers.counts(Kind.ORDER, self.span) > 0
        chosen = ordered & sources.is_customer[buyers.ids]
        net = buyers.values(Kind.ORDER_COMPLETED, self.span)
        net -= buyers.values(Kind.ORDER_REFUNDED, self.span)
        return buyers.ids[chosen], net[chosen]


def _places(net: np.ndarray) -> np.ndarray:
    """One more than the number of those with more."""
    best_first = np.argsort(-net)
    ordered = net[best_first]
    # Equals share the place of the first of them.
    is_first = np.r_[True, ordered[1:] != ordered[:-1]][: ordered.size]
    first = np.maximum.accumulate(np.where(is_first, np.arange(ordered.size), 0))
    places = np.empty(net.size, dtype=np.int64)
    places[best_first] = first + 1
    return places
