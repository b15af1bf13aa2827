"""Which days rollups can answer for, and what they have not seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events import derive, kept
from segmind.events.rows import Rows, SealedFile, scan_files
from segmind.events.schema import UTC_INSTANT, empty_events
from segmind.events.spans import Span, any_holds, day_span, minus

#: Rows of a ``customer_day`` file: per day (the workspace's), customer and kind.
ROLLUP_COLUMNS: Final[dict[str, pl.DataType]] = {
    "customer_id": pl.Int64(),
    "kind": pl.Int16(),
    "n": pl.Int64(),
    "value": pl.Int64(),
    "quantity": pl.Int64(),
    "first_ts": UTC_INSTANT,
    "last_ts": UTC_INSTANT,
}
#: How they lie in the file, a kind together as it is asked for; no two rows are equal in these.
ROLLUP_ORDER: Final = ("kind", "customer_id", "first_ts")
#: Rows of a ``session_start`` file: the sessions that started on the day (null key: by gap).
START_COLUMNS: Final[dict[str, pl.DataType]] = {
    "customer_id": pl.Int64(),
    "session_key": pl.Int64(),
    "ts": UTC_INSTANT,
}
START_ORDER: Final = ("customer_id", "ts", "session_key")
#: Rows of an ``order_start`` file: the orders that started on the day, with the sums of their lines
#: on that day. The key is ``derive.ORDER_KEY``.
ORDER_START_COLUMNS: Final[dict[str, pl.DataType]] = {
    "customer_id": pl.Int64(),
    "order_form": pl.Int8(),
    "order_hi": pl.Int64(),
    "order_lo": pl.Int64(),
    "ts": UTC_INSTANT,
    "value": pl.Int64(),
    "quantity": pl.Int64(),
}
ORDER_START_ORDER: Final = ("customer_id", "ts", *derive.ORDER_KEY)
#: Kind of a rollup row for lines that an order got after the day on which it started: n is 0, and
#: first_ts is the order's start, which may lie before a window that begins between the two.
LATER_LINES: Final = -9
#: Customers that rollups do not know rightly, at most; with more, raw rows are the cheaper way.
MOST_TOUCHED: Final = 200_000


@dataclass(frozen=True, slots=True)
class RolledDay:
    """The three files of a day's rollup, and how many rows they hold."""

    rollup: Path
    rollup_rows: int
    starts: Path
    start_rows: int
    orders: Path
    order_rows: int

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.rollup, self.starts, self.orders)


@dataclass(frozen=True)
class Rolled:
    """The usable rollups of a snapshot."""

    zone: ZoneInfo
    days: Mapping[date, RolledDay]  # in order of day
    rows: Rows
    #: Rows on rolled days or before them that no rollup has seen, by file (None: recent rows).
    unseen: Sequence[tuple[SealedFile | None, Sequence[Span]]] = ()
    #: Customers merged since the rollups were made (ids of now).
    merged: pl.Series = field(default_factory=lambda: pl.Series("customer_id", [], pl.Int64))

    @classmethod
    def nothing(cls, rows: Rows, zone: ZoneInfo) -> Rolled:
        return cls(zone=zone, days={}, rows=rows)

    def of_sealed(self) -> Rolled:
        """The same without the recent tail: as if it had not arrived yet."""
        rows = Rows(self.rows.files, empty_events(), self.rows.merges)
        unseen = [(file, spans) for file, spans in self.unseen if file is not None]
        return Rolled(self.zone, self.days, rows, unseen, self.merged)

    @cached_property
    def loose(self) -> pl.LazyFrame:
        """The events (EVENT_COLUMNS) that lie before the end of the last rolled day, unseen."""
        frames = []
        for file, spans in self.unseen:
            source = self.rows.recent.lazy() if file is None else scan_files([file.path])
            frames.append(source.filter(any_holds(spans, pl.col("ts"))))
        if not frames:
            return empty_events().lazy()
        mapped = self.rows.merges.mapped(pl.col("customer_id"))
        return pl.concat(frames).with_columns(mapped)

    @cached_property
    def touched(self) -> pl.Series:
        """Customers (ids of now) whose sessions and orders rollups may count wrongly."""
        if not self.unseen:
            return self.merged
        ids = self.loose.select("customer_id").unique().collect(engine="streaming").to_series()
        return pl.concat([ids, self.merged]).unique()

    @cached_property
    def spans(self) -> dict[date, Span]:
        """The days that rollups answer for, in order; none where raw rows are the cheaper way."""
        if self.touched.len() > MOST_TOUCHED:
            return {}
        return {day: day_span(day, self.zone) for day in self.days}

    def scan(self, days: Sequence[date]) -> pl.LazyFrame:
        """The rollup rows (ROLLUP_COLUMNS) of these days, under the customers of now."""
        files = {day: its.rollup for day, its in self.days.items()}
        size = sum(its.rollup_rows for its in self.days.values())
        return self._mapped(kept.scan(files, list(days), size))

    def starts(self, days: Sequence[date]) -> pl.LazyFrame:
        """The session starts (START_COLUMNS) of these days, under the customers of now."""
        files = {day: its.starts for day, its in self.days.items()}
        size = sum(its.start_rows for its in self.days.values())
        return self._mapped(kept.scan(files, list(days), size))

    def order_starts(self, days: Sequence[date]) -> pl.LazyFrame:
        """The order starts (ORDER_START_COLUMNS) of these days, under the customers of now."""
        files = {day: its.orders for day, its in self.days.items()}
        size = sum(its.order_rows for its in self.days.values())
        return self._mapped(kept.scan(files, list(days), size))

    def of_untouched(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows of customers whose sessions and orders rollups count rightly."""
        if self.touched.is_empty():
            return rows
        return rows.filter(~pl.col("customer_id").is_in(self.touched.implode()))

    def sessions_before(
        self, spans: Sequence[Span], made: Sequence[tuple[Span, pl.DataFrame]] = ()
    ) -> pl.LazyFrame:
        """What keyed sessions did before the end of ``spans`` outside of them, as far as it tells
        whether they had started: customer_id, session_key, ts. No span has a rolled day.

        Rolled days, and ``made`` spans with their START_COLUMNS, are known by their starts; except
        rolled days to touched customers, whose rows are read.
        """
        before = Span(None, spans[-1].until)
        days = [day for day, span in self.spans.items() if span.meets_span(before)]
        rolled = [self.spans[day] for day in days]
        parts = [starts.lazy() for _, starts in made]
        if raw := minus(before, [*spans, *rolled, *(span for span, _ in made)]):
            parts.append(derive.keyed(self.rows, raw))
        if days:
            parts.append(self.of_untouched(self.starts(days)))
            if not self.touched.is_empty():
                parts.append(derive.keyed(self.rows, rolled, self.touched))
        if not parts:
            return pl.DataFrame(schema=START_COLUMNS).lazy()
        return pl.concat([part.select(*START_COLUMNS) for part in parts])

    def orders_before(
        self,
        spans: Sequence[Span],
        made: Sequence[tuple[Span, pl.DataFrame]] = (),
        listed_on: Collection[date] | None = None,
    ) -> pl.LazyFrame:
        """When orders with lines before the end of ``spans`` started, as far as it lies outside of
        them: customer_id, ORDER_KEY, ts. Spans may be parts of rolled days.

        Rolled days, and ``made`` spans with their ORDER_START_COLUMNS, are known by their starts;
        except rolled days to touched customers, whose lines are read. ``listed_on``: the rolled
        days whose starts are worth looking at, where the caller knows (None: all).
        """
        before = Span(None, spans[-1].until)
        days = [day for day, span in self.spans.items() if span.meets_span(before)]
        rolled = [self.spans[day] for day in days]
        parts = [starts.lazy() for _, starts in made]
        if raw := minus(before, [*spans, *rolled, *(span for span, _ in made)]):
            parts.append(derive.order_lines(self.rows, raw))
        if listed := [day for day in days if listed_on is None or day in listed_on]:
            parts.append(self.of_untouched(self.order_starts(listed)))
        if days and not self.touched.is_empty():
            parts.append(derive.order_lines(self.rows, rolled, self.touched))
        columns = ("customer_id", *derive.ORDER_KEY, "ts")
        if not parts:
            return pl.DataFrame(schema=ORDER_START_COLUMNS).lazy().select(columns)
        return pl.concat([part.select(columns) for part in parts])

    def _mapped(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        if self.rows.merges.frame.is_empty():
            return rows
        return rows.with_columns(self.rows.merges.mapped(pl.col("customer_id")))
