"""How often, how much, first and last: totals of an act in a span of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.spans import Span
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate, Table
from segmind.segments.sources import CUSTOMER, Frame, Sources

_SUMS = ("n", "value", "quantity")


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

    def frame(self, sources: Sources) -> Frame:
        kind = sources.code(self.event)
        return sources.totals([kind], self.span).filter(nw.col("kind") == kind)

    @classmethod
    def tables(cls, aggregates: Sequence[Totals], sources: Sources) -> list[Table]:
        """One pass over the log for all events asked for in the same span."""
        by_span: dict[Span, list[Totals]] = {}
        for aggregate in aggregates:
            by_span.setdefault(aggregate.span, []).append(aggregate)
        return [_side_by_side(span, several, sources) for span, several in by_span.items()]


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


def totals(act: Act, span: Span) -> Aggregate:
    """The totals of an act, by the cheapest way that is exact."""
    if act.where:
        return MatchingTotals(Act(event=act.event, where=act.where), span)
    return Totals(act.event, span)


def _side_by_side(span: Span, aggregates: list[Totals], sources: Sources) -> Table:
    """Rows by customer and kind become one row per customer, with columns for every kind."""
    if len(aggregates) == 1:
        only = aggregates[0]
        return Table(only.named(only.frame(sources)), frozenset(aggregates))
    codes = {aggregate: sources.code(aggregate.event) for aggregate in aggregates}
    rows = sources.totals(list(codes.values()), span)
    spread = [
        nw.when(nw.col("kind") == code).then(nw.col(column)).alias(aggregate.name(column))
        for aggregate, code in codes.items()
        for column in aggregate.missing
    ]
    merged = [_merged(aggregate, column) for aggregate in codes for column in aggregate.missing]
    frame = rows.select(CUSTOMER, *spread).group_by(CUSTOMER).agg(*merged)
    return Table(frame, frozenset(aggregates))


def _merged(aggregate: Aggregate, column: str) -> nw.Expr:
    full = nw.col(aggregate.name(column))
    if column in _SUMS:
        return full.sum()
    return full.min() if column == "first_ts" else full.max()
