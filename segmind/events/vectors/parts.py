"""What rolled days do not tell of a window: customers and amounts, to be added up by customer.

Ids are as the log was told them, merged ones included: whoever adds up maps them at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from segmind.events import derive
from segmind.events.rolled import LATER_LINES, Rolled
from segmind.events.rows import SealedFile, scan_files
from segmind.events.spans import Span, any_holds, minus
from segmind.events.vectors.columns import (
    CUSTOMER,
    as_array,
    of_rolled_day,
    of_sealed_file,
    of_starts,
)
from segmind.events.vectors.instants import inside
from segmind.events.vectors.opened import Opened

#: Customers, and for each an amount or an instant (microseconds UTC); ids may repeat.
Pair = tuple[np.ndarray, np.ndarray]
#: Rows of files at the edges of a window that are worth keeping as arrays; more are grouped by
#: customer while they are read.
MOST_EDGE_ROWS: Final = 6_000_000
INSTANTS: Final = ("first_ts", "last_ts")


@dataclass(frozen=True)
class Parts:
    """A window taken apart: the rolled days that lie in it as a whole, and its edges."""

    opened: Opened
    window: Span

    @property
    def rolled(self) -> Rolled:
        return self.opened.rolled

    @cached_property
    def days(self) -> dict[date, Span]:
        """The rolled days that lie in the window as a whole, in order."""
        return {d: s for d, s in self.rolled.spans.items() if self.window.covers(s)}

    @cached_property
    def edges(self) -> list[Span]:
        """What is left of the window."""
        return [] if self.window.is_empty else minus(self.window, list(self.days.values()))

    def stored(self, kind: int, column: str) -> Iterator[Pair]:
        """Events at the edges, and those on whole days that no rollup has seen."""
        near = [
            f
            for f in self.rolled.rows.files
            if any(e.meets(f.min_ts, f.max_ts) for e in self.edges)
        ]
        if sum(file.rows for file in near) <= MOST_EDGE_ROWS:
            for file in near:
                yield _of_file(file, kind, column, self.edges)
        else:
            yield _grouped(near, kind, column, self.edges)
        recent = self.rolled.rows.recent
        if recent.height and self.edges:
            yield _of_events(recent.lazy(), kind, column, self.edges)
        if self.days and self.rolled.unseen:
            yield _of_events(self.rolled.loose, kind, column, list(self.days.values()))

    def sessions(self, column: str) -> Iterator[Pair]:
        """Sessions that start at the edges; and of touched customers, all in the window."""
        touched = self.rolled.touched
        for day, span in self.rolled.spans.items():
            if day not in self.days and any(edge.meets_span(span) for edge in self.edges):
                customers, instants = of_starts(self.rolled.days[day].starts)
                wanted = inside(instants, self.edges) & untouched(self.rolled, customers)
                yield one_each(customers[wanted], instants[wanted], column)
        since = self.opened.since
        if any(edge.until is None or since is None or edge.until > since for edge in self.edges):
            starts = self.opened.starts
            instants = as_array(starts["ts"])
            wanted = inside(instants, self.edges)
            yield one_each(as_array(starts[CUSTOMER])[wanted], instants[wanted], column)
        if not touched.is_empty() and not self.window.is_empty:
            theirs = derive.session_starts(self.rolled.rows, [self.window], touched).collect()
            yield one_each(as_array(theirs[CUSTOMER]), as_array(theirs["ts"]), column)

    def orders(self, column: str) -> Iterator[Pair]:
        """Orders with lines at the edges, later lines, and on whole days those of touched ones."""
        listed = self._listed_days(column)
        for day, edge in listed.items():
            amount = column if column in {"value", "quantity"} else None
            customers, instants, *rest = of_starts(self.rolled.days[day].orders, amount)
            wanted = inside(instants, [edge])
            if rest:
                yield customers[wanted], rest[0][wanted]
            else:
                yield one_each(customers[wanted], instants[wanted], column)
        others = [edge for edge in self.edges if edge not in listed.values()]
        for part in self.opened.orders_beside(self.window, others):
            # What adds lines only to an order is no order: that one is told where it started.
            frame = part.filter(pl.col("n") > 0) if column in INSTANTS else part
            yield as_array(frame[CUSTOMER]), as_array(frame[column])
        if column in {"value", "quantity"}:
            for day in self.days:
                customers, amounts = self._later_lines(day, column)
                known = untouched(self.rolled, customers)
                yield customers[known], amounts[known]

    def _listed_days(self, column: str) -> dict[date, Span]:
        """The rolled days with an edge whose orders their starts tell, and that edge.

        How many there are and when, starts tell of any edge. What the lines are worth, only where
        the window begins in the day's midst and outlasts it: then an order that starts at the edge
        has all of that day's lines in the window.

        None if customers are touched: their orders at the edge would have to be parted from others.
        """
        if not self.rolled.touched.is_empty():
            return {}
        sums_lines = column in {"value", "quantity"}
        return {
            day: edge
            for edge in self.edges
            for day, span in self.rolled.spans.items()
            if None not in (edge.since, edge.until)
            and span.covers(edge)
            and (edge.until == span.until or not sums_lines)
        }

    def _later_lines(self, day: date, column: str) -> Pair:
        """Lines that orders which started earlier, but in the window, got on a whole day."""
        rollup = self.rolled.days[day].rollup
        customers, amounts = of_rolled_day(rollup, LATER_LINES, column)
        if self.window.since is None or not customers.size:
            return customers, amounts
        starts = of_rolled_day(rollup, LATER_LINES, "first_ts")[1]
        counted = inside(starts, [Span(self.window.since, None)])
        return customers[counted], amounts[counted]


def untouched(rolled: Rolled, customers: np.ndarray) -> np.ndarray:
    """Which of the ids (as the log was told them) rollups know rightly."""
    if rolled.touched.is_empty():
        return np.ones(customers.size, dtype=np.bool_)
    return ~np.isin(customers, rolled.rows.merges.behind(rolled.touched).to_numpy())


def _of_file(file: SealedFile, kind: int, column: str, spans: Sequence[Span]) -> Pair:
    amounts = [column] if column in {"value", "quantity"} else []
    customers, instants, *rest = of_sealed_file(file.path, kind, amounts)
    if any(span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts)
           for span in spans):  # fmt: skip
        wanted: np.ndarray | slice = slice(None)
    else:
        wanted = inside(instants, spans)
    if rest:
        return customers[wanted], rest[0][wanted]
    return one_each(customers[wanted], instants[wanted], column)


def _of_events(events: pl.LazyFrame, kind: int, column: str, spans: Sequence[Span]) -> Pair:
    amount = column if column in {"value", "quantity"} else "ts"
    rows = events.filter(pl.col("kind") == kind, any_holds(spans, pl.col("ts")))
    frame = rows.select(CUSTOMER, amount).collect()
    customers, amounts = as_array(frame[CUSTOMER]), as_array(frame[amount])
    return (customers, amounts) if amount == column else one_each(customers, amounts, column)


def _grouped(files: Sequence[SealedFile], kind: int, column: str, spans: Sequence[Span]) -> Pair:
    """The same from many rows: summed by customer on the way."""
    rows = scan_files(f.path for f in files).filter(
        pl.col("kind") == kind, any_holds(spans, pl.col("ts"))
    )
    sums = {
        "n": pl.len().cast(pl.Int64),
        "value": pl.col("value").sum(),
        "quantity": pl.col("quantity").cast(pl.Int64).sum(),
        "first_ts": pl.col("ts").min(),
        "last_ts": pl.col("ts").max(),
    }
    by_customer = rows.group_by(CUSTOMER).agg(sums[column].alias(column))
    frame = by_customer.collect(engine="streaming")
    return as_array(frame[CUSTOMER]), as_array(frame[column])


def one_each(customers: np.ndarray, instants: np.ndarray, column: str) -> Pair:
    """Things that happened once each: counted, worth nothing, or by their instant."""
    if column in INSTANTS:
        return customers, instants
    return customers, np.full(customers.size, int(column == "n"), dtype=np.int64)
