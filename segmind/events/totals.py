"""How often, how much, first and last: per customer and kind, over any window, exactly.

Whole closed days come from rollups, the edges of the window from raw rows. What rollups have not
seen (events that arrived late, merges of customers) is added from raw rows, so that the answer is
the same as from raw rows alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from segmind.events import derive
from segmind.events.rolled import LATER_LINES, ROLLUP_COLUMNS, START_COLUMNS, Rolled
from segmind.events.schema import DERIVED, Kind
from segmind.events.spans import ALWAYS, Span, any_holds, day_of, minus

_SUMS = (pl.col("n").sum(), pl.col("value").sum(), pl.col("quantity").sum())
_BOUNDS = (pl.col("first_ts").min(), pl.col("last_ts").max())


def totals(rolled: Rolled, kinds: Collection[int], window: Span) -> pl.LazyFrame:
    """Per customer and kind: customer_id, kind, n, value, quantity, first_ts, last_ts."""
    parts = _addends(rolled, kinds, window)
    return parts.group_by("customer_id", "kind").agg(*_SUMS, *_BOUNDS)


def daily(rolled: Rolled, kinds: Collection[int], window: Span) -> pl.LazyFrame:
    """Per calendar day, customer and kind: day, customer_id, kind, n, value, quantity."""
    day = day_of(pl.col("first_ts"), rolled.zone).alias("day")
    return _addends(rolled, kinds, window).group_by(day, "customer_id", "kind").agg(*_SUMS)


def started_sessions(rolled: Rolled, spans: Sequence[Span]) -> pl.LazyFrame:
    """One row per session that starts in ``spans``: customer_id, session_key (null: by gap), ts.

    On rolled days their list of starts tells, except of customers whom they do not know rightly.
    """
    days = {d: s for d, s in rolled.spans.items() if any(s.meets_span(e) for e in spans)}
    parts: list[pl.LazyFrame] = []
    if days:
        listed = rolled.starts(list(days)).filter(any_holds(spans, pl.col("ts")))
        parts.append(rolled.of_untouched(listed))
        if not rolled.touched.is_empty():
            others = minus(ALWAYS, list(days.values()))
            theirs = [part for span in spans for part in minus(span, others)]
            parts.append(derive.session_starts(rolled.rows, theirs, rolled.touched))
    unrolled = [part for span in spans for part in minus(span, list(days.values()))]
    if unrolled:
        elsewhere = rolled.sessions_before(unrolled)
        parts.append(derive.session_starts(rolled.rows, unrolled, elsewhere=elsewhere))
    if not parts:
        return pl.DataFrame(schema=START_COLUMNS).lazy()
    return pl.concat([part.select(*START_COLUMNS) for part in parts])


def as_orders(parts: pl.LazyFrame, window: Span) -> pl.LazyFrame:
    """``derive.order_parts`` as addends (ROLLUP_COLUMNS) of the orders in ``window``."""
    return _as_orders(parts, window).select(_typed())


@dataclass(frozen=True)
class _Plan:
    """A window taken apart: the days that rollups answer for, and the spans that they do not."""

    rolled: Rolled
    window: Span
    days: list[date]
    whole_spans: list[Span]
    edges: list[Span]

    @cached_property
    def whole(self) -> pl.LazyFrame | None:
        """The rollup rows of the whole days."""
        return self.rolled.scan(self.days) if self.days else None


def _plan(rolled: Rolled, window: Span) -> _Plan:
    spans = {day: span for day, span in rolled.spans.items() if window.covers(span)}
    edges = [] if window.is_empty else minus(window, list(spans.values()))
    return _Plan(rolled, window, list(spans), list(spans.values()), edges)


def _addends(rolled: Rolled, kinds: Collection[int], window: Span) -> pl.LazyFrame:
    """Rows (ROLLUP_COLUMNS) that add up to the answer; none of them has an n below 0."""
    plan = _plan(rolled, window)
    stored = sorted(set(kinds) - DERIVED)
    parts: list[pl.LazyFrame] = []
    if stored:
        parts.extend(_stored(plan, stored))
    if Kind.SESSION in kinds:
        parts.extend(_sessions(plan))
    if Kind.ORDER in kinds:
        parts.extend(_orders(plan))
    if not parts:
        return pl.DataFrame(schema=ROLLUP_COLUMNS).lazy()
    return pl.concat([part.select(_typed()) for part in parts])


def _stored(plan: _Plan, kinds: Collection[int]) -> Iterator[pl.LazyFrame]:
    columns = ("customer_id", "kind", "value", "quantity", "ts")
    if plan.edges:
        yield _as_addends(plan.rolled.rows.scan(plan.edges, columns, kinds=kinds))
    if plan.whole is not None:
        wanted = pl.col("kind").is_in(list(kinds))
        yield plan.whole.filter(wanted)
        if plan.rolled.unseen:
            late = plan.rolled.loose.filter(wanted, any_holds(plan.whole_spans, pl.col("ts")))
            yield _as_addends(late.select(columns))


def _sessions(plan: _Plan) -> Iterator[pl.LazyFrame]:
    rolled = plan.rolled
    if plan.edges:
        yield _as_starts(started_sessions(rolled, plan.edges))
    if plan.whole is not None:
        yield rolled.of_untouched(plan.whole).filter(pl.col("kind") == Kind.SESSION)
        if not rolled.touched.is_empty():
            yield _as_starts(derive.session_starts(rolled.rows, plan.whole_spans, rolled.touched))


def _orders(plan: _Plan) -> Iterator[pl.LazyFrame]:
    rolled = plan.rolled
    if plan.edges:
        before = rolled.orders_before(plan.edges)
        parts = derive.order_parts(rolled.rows, plan.edges, elsewhere=before)
        yield _as_orders(parts, plan.window)
    if plan.whole_spans and not rolled.touched.is_empty():
        parts = derive.order_parts(rolled.rows, plan.whole_spans, rolled.touched)
        yield _as_orders(parts, plan.window)
    if plan.whole is not None:
        order_rows = pl.col("kind").is_in([int(Kind.ORDER), LATER_LINES])
        counted = rolled.of_untouched(plan.whole).filter(order_rows)
        if plan.window.since is not None:
            counted = counted.filter(pl.col("first_ts") >= plan.window.since)
        yield counted.with_columns(kind=pl.lit(int(Kind.ORDER)))


def _as_addends(events: pl.LazyFrame) -> pl.LazyFrame:
    return events.with_columns(n=pl.lit(1), first_ts=pl.col("ts"), last_ts=pl.col("ts"))


def _as_starts(starts: pl.LazyFrame) -> pl.LazyFrame:
    return _as_addends(starts).with_columns(
        kind=pl.lit(int(Kind.SESSION)), value=pl.lit(0), quantity=pl.lit(0)
    )


def _as_orders(parts: pl.LazyFrame, window: Span) -> pl.LazyFrame:
    # Lines of an order that started before the window are no part of an order in the window.
    if window.since is not None:
        parts = parts.filter(pl.col("start") >= window.since)
    return parts.with_columns(
        kind=pl.lit(int(Kind.ORDER)), first_ts=pl.col("start"), last_ts=pl.col("start")
    )


def _typed() -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in ROLLUP_COLUMNS.items()]
