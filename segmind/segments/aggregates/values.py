"""How many different values a field of an act's events had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.spans import Span
from segmind.segments import fields
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.comparison import EventComparison
from segmind.segments.sources import CUSTOMER, Frame, Sources


@dataclass(frozen=True)
class Values(Aggregate):
    """Different values of ``of`` (``product.brand``, ``properties.size``) in an act's events.

    Properties count as their texts; events without the field count for none.
    """

    act: Act
    of: str
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"values": 0}

    def frame(self, sources: Sources) -> Frame:
        there = EventComparison(field=self.of, op="is_set")
        act = Act(event=self.act.event, where=(*self.act.where, there))
        rows = sources.occurrences(act, self.span)
        if self.of.startswith(fields.PRODUCT):
            field = self.of.removeprefix(fields.PRODUCT)
            named = sources.products().select("product_id", nw.col(field).alias("its_value"))
            rows = rows.select(CUSTOMER, "product_id").unique()
            pairs = rows.join(named, on="product_id", how="inner").select(CUSTOMER, "its_value")
        else:
            pairs = rows.select(CUSTOMER, nw.col(there.column_name).alias("its_value"))
        counted = pairs.unique().group_by(CUSTOMER)
        return counted.agg(nw.len().cast(nw.Int64).alias("values"))
