"""What the rollup of a day holds, computed from raw rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events import derive
from segmind.events.rolled import (
    LATER_LINES,
    ROLLUP_COLUMNS,
    ROLLUP_ORDER,
    START_COLUMNS,
    START_ORDER,
    Rolled,
)
from segmind.events.rows import Rows, SealedFile
from segmind.events.schema import Kind
from segmind.events.spans import Span, day_of, day_span

Sources = dict[date, list[SealedFile]]
#: Event rows per pass, which bounds memory.
MOST_ROWS: Final = 5_000_000


@dataclass(frozen=True)
class DayFrames:
    """What the two files of a day's rollup hold, in their order."""

    rollup: pl.DataFrame  # ROLLUP_COLUMNS
    starts: pl.DataFrame  # START_COLUMNS

    def equals(self, other: DayFrames) -> bool:
        return self.rollup.equals(other.rollup) and self.starts.equals(other.starts)


def new_days(
    rolled: Rolled, days: Sequence[date], sources: Sources
) -> Iterator[tuple[date, DayFrames]]:
    """The frames of ``days`` (in order, none of them rolled yet) for all customers."""
    made: list[tuple[Span, pl.DataFrame]] = []
    for chunk in _chunks(days, sources):
        spans = _joined([day_span(day, rolled.zone) for day in chunk])
        starts = derive.session_starts(
            rolled.rows, spans, elsewhere=rolled.sessions_before(spans, made)
        ).collect(engine="streaming")
        made += [(span, starts.filter(span.holds(pl.col("ts")))) for span in spans]
        yield from _frames(rolled, chunk, spans, starts)


def days_of_customers(
    rolled: Rolled, days: Sequence[date], customers: pl.Series
) -> dict[date, DayFrames]:
    """The frames of ``days`` (in order) narrowed to ``customers``, from raw rows alone."""
    spans = _joined([day_span(day, rolled.zone) for day in days])
    starts = derive.session_starts(rolled.rows, spans, customers).collect(engine="streaming")
    return dict(_frames(rolled, days, spans, starts, customers))


def _frames(
    rolled: Rolled,
    days: Sequence[date],
    spans: Sequence[Span],
    starts: pl.DataFrame,
    customers: pl.Series | None = None,
) -> Iterator[tuple[date, DayFrames]]:
    parts = [
        _stored(rolled.rows, rolled.zone, spans, customers),
        _sessions(starts.lazy(), rolled.zone),
        *_orders(rolled.rows, rolled.zone, spans, customers),
    ]
    columns = [pl.col(name).cast(kind) for name, kind in ROLLUP_COLUMNS.items()]
    rolled_up = pl.concat([part.select("day", *columns) for part in parts])
    rollups = _by_day(rolled_up.collect(engine="streaming"), ROLLUP_ORDER)
    started = _by_day(starts.with_columns(_day("ts", rolled.zone)), START_ORDER)
    nothing = pl.DataFrame(schema=ROLLUP_COLUMNS), pl.DataFrame(schema=START_COLUMNS)
    for day in days:
        yield day, DayFrames(rollups.get(day, nothing[0]), started.get(day, nothing[1]))


def _by_day(frame: pl.DataFrame, order: Sequence[str]) -> dict[date, pl.DataFrame]:
    parts = frame.partition_by("day", as_dict=True, include_key=False)
    return {key[0]: part.sort(order) for key, part in parts.items()}


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


def _sessions(starts: pl.LazyFrame, zone: ZoneInfo) -> pl.LazyFrame:
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
