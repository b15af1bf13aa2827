"""Sessions and orders one by one, as arrays: customers and the instants at which they start.

Rolled days list them; of customers whom the lists do not know rightly, and of open days, the raw
rows tell. Ids are as the log was told them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from segmind.events import derive
from segmind.events.spans import Span, minus
from segmind.events.vectors.columns import CUSTOMER, as_array, of_starts
from segmind.events.vectors.instants import inside
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.parts import Pair, untouched


def session_starts(opened: Opened, span: Span) -> Iterator[Pair]:
    """The sessions that start in the span."""
    rolled = opened.rolled
    if span.is_empty:
        return
    for day, its in rolled.spans.items():
        if span.meets_span(its):
            yield _listed(opened, rolled.days[day].starts, span)
    starts = opened.starts
    instants = as_array(starts["ts"])
    wanted = inside(instants, [span])
    yield as_array(starts[CUSTOMER])[wanted], instants[wanted]
    if not rolled.touched.is_empty():
        theirs = derive.session_starts(rolled.rows, [span], rolled.touched).collect()
        yield as_array(theirs[CUSTOMER]), as_array(theirs["ts"])


def order_starts(opened: Opened, span: Span) -> Iterator[Pair]:
    """The orders that start in the span."""
    rolled = opened.rolled
    if span.is_empty:
        return
    for day, its in rolled.spans.items():
        if span.meets_span(its):
            yield _listed(opened, rolled.days[day].orders, span)
    if open_spans := minus(span, list(rolled.spans.values())):
        before = rolled.orders_before(open_spans)
        parts = derive.order_parts(rolled.rows, open_spans, elsewhere=before)
        yield started(rolled.of_untouched(parts))
    if not rolled.touched.is_empty():
        yield started(derive.order_parts(rolled.rows, [span], rolled.touched))


def _listed(opened: Opened, path: Path, span: Span) -> Pair:
    customers, instants = of_starts(path)
    wanted = inside(instants, [span]) & untouched(opened.rolled, customers)
    return customers[wanted], instants[wanted]


def started(parts: pl.LazyFrame) -> Pair:
    """The orders of ``derive.order_parts`` that start where they were looked for."""
    frame = parts.filter(pl.col("n") == 1).select(CUSTOMER, "start").collect()
    return as_array(frame[CUSTOMER]), as_array(frame["start"])
