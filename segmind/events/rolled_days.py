"""What the rollup of a day holds, computed from raw rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events import derive
from segmind.events.rolled import LATER_LINES, ROLLUP_COLUMNS, ROLLUP_ORDER
from segmind.events.rows import Rows, SealedFile
from segmind.events.schema import Kind
from segmind.events.spans import Span, day_of, day_span

Sources = dict[date, list[SealedFile]]
#: Event rows per pass, which bounds memory.
MOST_ROWS: Final = 5_000_000


def rolled_days(
    rows: Rows,
    zone: ZoneInfo,
    days: Sequence[date],
    sources: Sources,
    customers: pl.Series | None = None,
) -> Iterator[tuple[date, pl.DataFrame]]:
    """The rollup rows (ROLLUP_COLUMNS in ROLLUP_ORDER) of each of ``days`` that has any.

    ``customers`` narrows them to these; ``days`` are in order.
    """
    for chunk in _chunks(days, sources):
        spans = _joined([day_span(day, zone) for day in chunk])
        frame = _rolled(rows, zone, spans, customers).collect(engine="streaming")
        parts = frame.partition_by("day", as_dict=True, include_key=False)
        for day in chunk:
            if (day,) in parts:
                yield day, parts[(day,)].sort(ROLLUP_ORDER)


def _chunks(days: Sequence[date], sources: Sources) -> Iterator[list[date]]:
    chunk: list[date] = []
    size = 0
    for day in days:
        rows = sum(file.rows for file in sources[day])
        if chunk and size + rows > MOST_ROWS:
            yield chunk
            chunk, size = [], 0
        chunk.append(day)
        size += rows
    if chunk:
        yield chunk


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order of time, touching ones made one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].until == span.since:
            joined[-1] = Span(joined[-1].since, span.until)
        else:
            joined.append(span)
    return joined


def _rolled(
    rows: Rows, zone: ZoneInfo, spans: Sequence[Span], customers: pl.Series | None
) -> pl.LazyFrame:
    parts = [
        _stored(rows, zone, spans, customers),
        _sessions(rows, zone, spans, customers),
        *_orders(rows, zone, spans, customers),
    ]
    columns = [pl.col(name).cast(kind) for name, kind in ROLLUP_COLUMNS.items()]
    return pl.concat([part.select("day", *columns) for part in parts])


def _stored(
    rows: Rows, zone: ZoneInfo, spans: Sequence[Span], customers: pl.Series | None
) -> pl.LazyFrame:
    columns = ("customer_id", "kind", "ts", "value", "quantity")
    events = rows.scan(spans, columns, customers=customers)
    return events.group_by(_day("ts", zone), "customer_id", "kind").agg(
        pl.len().alias("n"),
        pl.col("value").sum(),
        pl.col("quantity").cast(pl.Int64).sum(),
        pl.col("ts").min().alias("first_ts"),
        pl.col("ts").max().alias("last_ts"),
    )


def _sessions(
    rows: Rows, zone: ZoneInfo, spans: Sequence[Span], customers: pl.Series | None
) -> pl.LazyFrame:
    starts = derive.session_starts(rows, spans, customers)
    counted = starts.group_by(_day("ts", zone), "customer_id").agg(
        pl.len().alias("n"),
        pl.col("ts").min().alias("first_ts"),
        pl.col("ts").max().alias("last_ts"),
    )
    return counted.with_columns(kind=pl.lit(int(Kind.SESSION)), value=pl.lit(0), quantity=pl.lit(0))


def _orders(
    rows: Rows, zone: ZoneInfo, spans: Sequence[Span], customers: pl.Series | None
) -> list[pl.LazyFrame]:
    parts = derive.order_parts(rows, spans, customers, by_day_of=zone)
    started = parts.filter(pl.col("n") == 1)
    later = parts.filter(pl.col("n") == 0)
    sums = (
        pl.col("n").sum(),
        pl.col("value").sum(),
        pl.col("quantity").sum(),
        pl.col("start").min().alias("first_ts"),
        pl.col("start").max().alias("last_ts"),
    )
    return [
        started.group_by("day", "customer_id").agg(*sums).with_columns(kind=int(Kind.ORDER)),
        # By start, so that a window can leave out lines of orders that started before it.
        later.group_by("day", "customer_id", "start")
        .agg(*sums[:3])
        .with_columns(first_ts="start", last_ts="start", kind=LATER_LINES),
    ]


def _day(column: str, zone: ZoneInfo) -> pl.Expr:
    return day_of(pl.col(column), zone).alias("day")
