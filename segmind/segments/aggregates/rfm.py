"""Recency, frequency and monetary scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import UTC_INSTANT, Kind
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
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "r": pl.Int64(),
        "f": pl.Int64(),
        "m": pl.Int64(),
        "orders": pl.Int64(),
        "net": pl.Int64(),
        "last_order": UTC_INSTANT,
    }

    def frame(self, sources: Sources) -> Frame:
        if not sources.are_of_everybody:
            return self._of_few(sources)
        figures = sources.side_by_side(
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

    def _of_few(self, sources: Sources) -> Frame:
        """The rows of those who are asked about, scored among everybody."""
        base, orders, net, last = self.figures(sources.population)
        theirs = np.flatnonzero(np.isin(base, sources.ids))
        scores = {
            name: rfm.scores(figure)[theirs].astype(np.int64)
            for name, figure in (("r", last), ("f", orders), ("m", net))
        }
        columns = {CUSTOMER: base, "orders": orders, "last_order": last, "net": net}
        figures = {name: values[theirs] for name, values in columns.items()}
        found = pl.LazyFrame(figures | scores).with_columns(pl.col("last_order").cast(UTC_INSTANT))
        return nw.from_native(found)

    def vector(self, column: str, sources: Sources) -> pl.Series:
        base, orders, net, last = sources.once(self, lambda: self.figures(sources))
        figure = {"r": last, "f": orders, "m": net, "orders": orders, "net": net}.get(column, last)
        known = rfm.scores(figure) if column in {"r", "f", "m"} else figure
        values = np.zeros(sources.size, dtype=np.int64)
        values[base] = known
        if column in {"orders", "net"}:
            return pl.Series(column, values)
        is_there = np.zeros(sources.size, dtype=np.bool_)
        is_there[base] = True
        there = pl.when(pl.Series(is_there)).then(pl.Series(values))
        return pl.select(there.cast(self.vector_types[column]).alias(column)).to_series()

    def figures(self, sources: Sources) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Ids of the base, and their orders, net revenue and last orders (microseconds)."""
        buyers = sources.buyers
        orders = buyers.counts(Kind.ORDER, self.span)
        net = buyers.values(Kind.ORDER_COMPLETED, self.span)
        net -= buyers.values(Kind.ORDER_REFUNDED, self.span)
        last = buyers.last(Kind.ORDER, self.span)
        there = (orders > 0) & sources.is_customer[buyers.ids]
        if there.all():
            return buyers.ids, orders.astype(np.int64), net, last
        return buyers.ids[there], orders[there].astype(np.int64), net[there], last[there]
