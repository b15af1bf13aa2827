"""What customers who have bought are expected to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.customers.purchases import day_number, of_days
from segmind.events.schema import Kind
from segmind.predictions.histories import Histories
from segmind.predictions.model import Forecast
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources

_TYPES: Mapping[str, pl.DataType] = {
    "alive": pl.Float64(),
    "orders": pl.Float64(),
    "value": pl.Int64(),
    "purchases": pl.Int64(),
    "since": pl.Int64(),
}


@dataclass(frozen=True)
class Predictions(Aggregate):
    """The forecast (see ``segmind.predictions``) for the ``days`` after the moment.

    ``alive``: 0 to 1. ``orders``: days with an order. ``value``: minor units. All null for those
    who never bought, and for everybody while the shop has no model. ``purchases``: days with an
    order so far; ``since``: days since the last of them.
    """

    days: int

    missing: ClassVar[Mapping[str, Any]] = {
        "alive": None,
        "orders": None,
        "value": None,
        "purchases": 0,
        "since": None,
    }
    vector_types: ClassVar[Mapping[str, pl.DataType]] = _TYPES

    def frame(self, sources: Sources) -> Frame:
        day = nw.col("day").cast(nw.Int32).cast(nw.Int64)
        bought = sources.daily(int(Kind.ORDER), sources.at.ever()).group_by(CUSTOMER).agg(
            nw.len().cast(nw.Int64).alias("purchases"),
            day.min().alias("first"),
            day.max().alias("last"),
        )  # fmt: skip
        sign = nw.when(nw.col("kind") == int(Kind.ORDER_REFUNDED)).then(-1).otherwise(1)
        kinds = (int(Kind.ORDER_COMPLETED), int(Kind.ORDER_REFUNDED))
        money = (
            sources.totals(kinds, sources.at.ever())
            .filter(nw.col("kind").is_in(kinds))
            .group_by(CUSTOMER)
            .agg((nw.col("value") * sign).sum().alias("spent"))
        )
        known = sources.collected(bought.join(money, on=CUSTOMER, how="left"))
        ids, bought_on, first, last, spent = (
            known[name].fill_null(0).to_numpy()
            for name in (CUSTOMER, "purchases", "first", "last", "spent")
        )
        today = day_number(sources.at.as_of, sources.at.zone)
        columns = self._columns(sources, of_days(bought_on, first, last, spent, today))
        return nw.from_native(pl.LazyFrame({CUSTOMER: ids, **columns}))

    def vector(self, column: str, sources: Sources) -> pl.Series:
        ids, histories = sources.histories()
        columns = sources.once(self, lambda: self._columns(sources, histories))
        known = columns[column]
        values = np.zeros(sources.size, dtype=np.float64 if known.dtype.is_float() else np.int64)
        if not known.null_count():
            values[ids] = known.to_numpy()
        if column == "purchases":
            return pl.Series(column, values)
        is_known = np.zeros(sources.size, dtype=np.bool_)
        is_known[ids] = known.null_count() == 0
        there = pl.when(pl.Series(is_known)).then(pl.Series(values))
        return pl.select(there.alias(column)).to_series()

    def _columns(self, sources: Sources, histories: Histories) -> dict[str, pl.Series]:
        """The columns of customers with these histories; each is known of all or of nobody."""
        model = sources.model
        found = Forecast() if model is None else model.forecast(histories, self.days)
        columns: dict[str, np.ndarray | None] = {
            "alive": found.alive,
            "orders": found.orders,
            "value": found.value,
            "purchases": histories.purchases,
            "since": histories.age - histories.recency,
        }
        return {
            name: pl.Series(name, [None] * histories.size if values is None else values, its_type)
            for (name, values), its_type in zip(columns.items(), _TYPES.values(), strict=True)
        }
