"""How often, how much, first and last: totals of an act in a span of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import Span
from segmind.events.vectors.vector import NEVER, NOT_YET
from segmind.segments.acts import ORDER, SESSION, Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources, as_instants

#: What somebody has in a vector who never did it, and how amounts come together.
_EMPTY: Final = {"n": 0, "value": 0, "quantity": 0, "first_ts": NOT_YET, "last_ts": NEVER}
_ADD: Final[dict[str, np.ufunc]] = {
    "n": np.add,
    "value": np.add,
    "quantity": np.add,
    "first_ts": np.minimum,
    "last_ts": np.maximum,
}
#: The columns of events that amounts are made of, and how.
_AMOUNTS: Final[dict[str, tuple[list[str], pl.Expr]]] = {
    "n": ([], pl.len()),
    "value": (["value"], pl.col("value").sum()),
    "quantity": (["quantity"], pl.col("quantity").cast(pl.Int64).sum()),
    "first_ts": (["ts"], pl.col("ts").min()),
    "last_ts": (["ts"], pl.col("ts").max()),
}
_NUMBERS: Final = {"n": np.int32}
_TYPES: Final[dict[str, pl.DataType]] = {
    "n": pl.Int32(),
    "value": pl.Int64(),
    "quantity": pl.Int64(),
    "first_ts": UTC_INSTANT,
    "last_ts": UTC_INSTANT,
}


@dataclass(frozen=True)
class Totals(Aggregate):
    """Totals of an event without comparisons: from rollups where they cover the span."""

    event: str
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {
        "n": 0,
        "value": 0,
        "quantity": 0,
        "first_ts": None,
        "last_ts": None,
    }

    vector_types: ClassVar[Mapping[str, pl.DataType]] = _TYPES

    def frame(self, sources: Sources) -> Frame:
        kind = sources.code(self.event)
        return sources.totals([kind], self.span).filter(nw.col("kind") == kind)

    def vector(self, column: str, sources: Sources) -> pl.Series:
        return sources.vector(sources.code(self.event), self.span, column)


@dataclass(frozen=True)
class MatchingTotals(Aggregate):
    """Totals of an act with comparisons, from the events themselves."""

    act: Act
    span: Span

    missing: ClassVar[Mapping[str, Any]] = Totals.missing

    def frame(self, sources: Sources) -> Frame:
        rows = sources.occurrences(self.act, self.span)
        return rows.group_by(CUSTOMER).agg(
            nw.len().cast(nw.Int64).alias("n"),
            nw.col("value").sum(),
            nw.col("quantity").sum(),
            nw.col("ts").min().alias("first_ts"),
            nw.col("ts").max().alias("last_ts"),
        )

    vector_types: ClassVar[Mapping[str, pl.DataType]] = _TYPES

    def has_vector(self, sources: Sources) -> bool:
        return self.act.event not in {ORDER, SESSION} and super().has_vector(sources)

    def vector(self, column: str, sources: Sources) -> pl.Series:
        vector = np.full(sources.size, _EMPTY[column], dtype=_NUMBERS.get(column, np.int64))
        columns, amount = _AMOUNTS[column]
        for customers, amounts in sources.sums(self.act, self.span, columns, amount):
            # A number of the vector's own type: anything else is ten times as slow.
            _ADD[column].at(vector, customers, amounts.astype(vector.dtype, copy=False))
        if column in {"first_ts", "last_ts"}:
            return as_instants(vector, _EMPTY[column])
        return pl.Series(column, vector)


def totals(act: Act, span: Span) -> Aggregate:
    """The totals of an act, by the cheapest way that is exact."""
    if act.where:
        return MatchingTotals(Act(event=act.event, where=act.where), span)
    return Totals(act.event, span)
