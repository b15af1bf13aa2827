"""What the rollup of a day holds, computed from raw rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events import derive
from segmind.events.rolled import (
    LATER_LINES,
    ORDER_START_COLUMNS,
    ORDER_START_ORDER,
    ROLLUP_COLUMNS,
    ROLLUP_ORDER,
    START_COLUMNS,
    START_ORDER,
    Rolled,
)
from segmind.events.rows import Rows, SealedFile
from segmind.events.runs import runs
from segmind.events.schema import Kind
from segmind.events.spans import Span, day_of, day_span

Sources = dict[date, list[SealedFile]]
#: Event rows per pass, which bounds memory.
MOST_ROWS: Final = 5_000_000
ORDERS: Final = (ROLLUP_ORDER, START_ORDER, ORDER_START_ORDER)


@dataclass(frozen=True)
class DayFrames:
    """What the three files of a day's rollup hold, in their order."""

    rollup: pl.DataFrame  # ROLLUP_COLUMNS
    starts: pl.DataFrame  # START_COLUMNS
    orders: pl.DataFrame  # ORDER_START_COLUMNS

    @classmethod
    def sorted(cls, frames: Sequence[pl.DataFrame]) -> DayFrames:
        """Of rows in any order, in the order of the fields."""
        return cls(*(rows.sort(by) for rows, by in zip(frames, ORDERS, strict=True)))

    @property
    def frames(self) -> tuple[pl.DataFrame, ...]:
        return self.rollup, self.starts, self.orders

    def equals(self, other: DayFrames) -> bool:
        return all(a.equals(b) for a, b in zip(self.frames, other.frames, strict=True))

    def parted(self, customers: pl.Series) -> tuple[DayFrames, DayFrames]:
        """The rows of these customers, and those of all others."""
        theirs = pl.col("customer_id").is_in(customers.implode())
        return (
            DayFrames(*(rows.filter(theirs) for rows in self.frames)),
            DayFrames(*(rows.filter(~theirs) for rows in self.frames)),
        )

    def with_rows(self, other: DayFrames) -> DayFrames:
        """These rows and those of ``other``."""
        pairs = zip(self.frames, other.frames, strict=True)
        return DayFrames.sorted([pl.concat(pair) for pair in pairs])


def stored(rolled: Rolled, day: date) -> DayFrames:
    """What the files of a rolled day hold, under the customers of now."""
    days = [day]
    lazy = (rolled.scan(days), rolled.starts(days), rolled.order_starts(days))
    return DayFrames.sorted([rows.collect() for rows in lazy])


def new_days(
    rolled: Rolled, days: Sequence[date], sources: Sources
) -> Iterator[tuple[date, DayFrames]]:
    """The frames of ``days`` (in order, none of them rolled yet) for all customers."""
    sessions: list[tuple[Span, pl.DataFrame]] = []
    orders: list[tuple[Span, pl.DataFrame]] = []
    for chunk in _chunks(days, sources):
        spans = _joined([day_span(day, rolled.zone) for day in chunk])
        frames = _frames(
            rolled,
            chunk,
            spans,
            sessions_before=rolled.sessions_before(spans, sessions),
            orders_before=rolled.orders_before(spans, orders),
        )
        for day, its in frames.items():
            sessions.append((day_span(day, rolled.zone), its.starts))
            orders.append((day_span(day, rolled.zone), its.orders))
        yield from frames.items()


def days_of_customers(
    rolled: Rolled, days: Sequence[date], customers: pl.Series
) -> dict[date, DayFrames]:
    """The frames of ``days`` (in order) narrowed to ``customers``, from raw rows alone."""
    spans = _joined([day_span(day, rolled.zone) for day in days])
    return _frames(rolled, days, spans, customers)


def _frames(
    rolled: Rolled,
    days: Sequence[date],
    spans: Sequence[Span],
    customers: pl.Series | None = None,
    *,
    sessions_before: pl.LazyFrame | None = None,
    orders_before: pl.LazyFrame | None = None,
) -> dict[date, DayFrames]:
    zone, rows = rolled.zone, rolled.rows
    neighbours = _runs(rows, zone, spans, customers)
    starts = _starts(rows, spans, customers, neighbours, sessions_before)
    orders = derive.order_parts(
        rows, spans, customers, by_day_of=zone, elsewhere=orders_before
    ).collect(engine="streaming")
    parts = [
        _stored(neighbours.lazy()),
        _sessions(starts.lazy(), zone),
        *_orders(orders.lazy()),
    ]
    columns = [pl.col(name).cast(kind) for name, kind in ROLLUP_COLUMNS.items()]
    rolled_up = pl.concat([part.select("day", *columns) for part in parts])
    started = orders.filter(pl.col("n") == 1).rename({"start": "ts"})
    by_day = (
        _by_day(rolled_up.collect(engine="streaming"), ROLLUP_COLUMNS),
        _by_day(starts.with_columns(_day("ts", zone)), START_COLUMNS),
        _by_day(started, ORDER_START_COLUMNS),
    )
    return {day: DayFrames.sorted([pick(day) for pick in by_day]) for day in days}


def _by_day(frame: pl.DataFrame, columns: dict[str, pl.DataType]) -> Callable[[date], pl.DataFrame]:
    """A function that has the rows of each day, as ``columns``."""
    parts = frame.select("day", *columns).partition_by("day", as_dict=True, include_key=False)
    nothing = pl.DataFrame(schema=columns)
    return lambda day: parts.get((day,), nothing)


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


def _runs(
    rows: Rows, zone: ZoneInfo, spans: Sequence[Span], customers: pl.Series | None
) -> pl.DataFrame:
    columns = ("customer_id", "kind", "session_key", "ts", "value", "quantity")
    events = rows.scan(spans, columns, customers=customers)
    return runs(events.with_columns(_day("ts", zone)).collect())


def _starts(
    rows: Rows,
    spans: Sequence[Span],
    customers: pl.Series | None,
    neighbours: pl.DataFrame,
    before: pl.LazyFrame | None,
) -> pl.DataFrame:
    """START_COLUMNS of the sessions that start in ``spans``, of which these are all the runs."""
    if before is None:
        return derive.session_starts(rows, spans, customers).collect(engine="streaming")
    acts = neighbours.lazy().filter(derive.IN_SESSION)
    keyed = acts.filter(pl.col("session_key").is_not_null())
    starts = [
        derive.keyed_starts(keyed.select("customer_id", "session_key", ts="first_ts"), before)
    ]
    if not acts.filter(pl.col("session_key").is_null()).collect().is_empty():
        starts.append(derive.gap_starts(rows, spans, customers))
    return pl.concat([part.select(*START_COLUMNS) for part in starts]).collect()


def _stored(neighbours: pl.LazyFrame) -> pl.LazyFrame:
    return neighbours.group_by("day", "customer_id", "kind").agg(
        pl.col("n", "value", "quantity").sum(),
        pl.col("first_ts").min(),
        pl.col("last_ts").max(),
    )


def _sessions(starts: pl.LazyFrame, zone: ZoneInfo) -> pl.LazyFrame:
    counted = starts.group_by(_day("ts", zone), "customer_id").agg(
        pl.len().alias("n"),
        pl.col("ts").min().alias("first_ts"),
        pl.col("ts").max().alias("last_ts"),
    )
    return counted.with_columns(kind=pl.lit(int(Kind.SESSION)), value=pl.lit(0), quantity=pl.lit(0))


def _orders(parts: pl.LazyFrame) -> list[pl.LazyFrame]:
    sums = (
        pl.col("n").sum(),
        pl.col("value").sum(),
        pl.col("quantity").sum(),
        pl.col("start").min().alias("first_ts"),
        pl.col("start").max().alias("last_ts"),
    )
    started = parts.filter(pl.col("n") == 1)
    later = parts.filter(pl.col("n") == 0)
    return [
        started.group_by("day", "customer_id").agg(*sums).with_columns(kind=int(Kind.ORDER)),
        # By start, so that a window can leave out lines of orders that started before it.
        later.group_by("day", "customer_id", "start")
        .agg(*sums[:3])
        .with_columns(first_ts="start", last_ts="start", kind=LATER_LINES),
    ]


def _day(column: str, zone: ZoneInfo) -> pl.Expr:
    return day_of(pl.col(column), zone).alias("day")
