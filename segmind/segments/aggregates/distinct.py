"""How many different days or products an act fell on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.spans import Span
from segmind.events.vectors.product_sets import PRODUCT, customers_of, pair_of
from segmind.events.vectors.sorting import ascending_once, once
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources


@dataclass(frozen=True)
class Days(Aggregate):
    """Calendar days in the workspace's zone on which an act happened."""

    act: Act
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"days": 0}
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {"days": pl.Int32()}

    def frame(self, sources: Sources) -> Frame:
        if not self.act.where:
            days = sources.daily(sources.code(self.act.event), self.span)
        else:
            day = nw.col("ts").dt.convert_time_zone(sources.at.zone.key).dt.date()
            occurrences = sources.occurrences(self.act, self.span)
            days = occurrences.select(CUSTOMER, day.alias("day")).unique()
        return days.group_by(CUSTOMER).agg(nw.len().cast(nw.Int64).alias("days"))

    def has_vector(self, sources: Sources) -> bool:
        return not self.act.where and super().has_vector(sources)

    def vector(self, column: str, sources: Sources) -> pl.Series:
        return sources.vector(sources.code(self.act.event), self.span, column)


@dataclass(frozen=True)
class Products(Aggregate):
    """Different products in an act's events; events without a product count for none."""

    act: Act
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"products": 0}
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {"products": pl.Int64()}

    def frame(self, sources: Sources) -> Frame:
        rows = sources.occurrences(self.act, self.span).filter(~nw.col("product_id").is_null())
        pairs = rows.select(CUSTOMER, "product_id").unique()
        return pairs.group_by(CUSTOMER).agg(nw.len().cast(nw.Int64).alias("products"))

    def vector(self, column: str, sources: Sources) -> pl.Series:
        if not self.act.where:
            counts = sources.different_products(sources.code(self.act.event), self.span)
            if counts is not None:
                return pl.Series(column, counts)
        return pl.Series(column, self._counted(sources))

    def _counted(self, sources: Sources) -> np.ndarray:
        """The same from single events."""
        pairs = [np.zeros(0, dtype=np.int64)]
        for rows in sources.portions(self.act, self.span, [PRODUCT]):
            known = rows.drop_nulls(PRODUCT)
            ids, products = known[CUSTOMER].to_numpy(), known[PRODUCT].to_numpy()
            pairs.append(ascending_once(pair_of(ids, products)))
        every = np.concatenate(pairs)
        every.sort()
        return np.bincount(customers_of(once(every)), minlength=sources.size)
