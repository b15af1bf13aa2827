"""Which days rollups can answer for, and what they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events.rows import Rows, SealedFile, scan_files
from segmind.events.schema import UTC_INSTANT, empty_events
from segmind.events.spans import Span, any_holds, day_span

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
#: How they lie in the file; no two rows are equal in all of these.
ROLLUP_ORDER: Final = ("customer_id", "kind", "first_ts")
#: Kind of a rollup row for lines that an order got after the day on which it started: n is 0, and
#: first_ts is the order's start, which may lie before a window that begins between the two.
LATER_LINES: Final = -9
#: Customers that rollups do not know rightly, at most; with more, raw rows are the cheaper way.
MOST_TOUCHED: Final = 200_000


@dataclass(frozen=True)
class Rolled:
    """The usable rollups of a snapshot."""

    zone: ZoneInfo
    files: Mapping[date, Path]
    rows: Rows
    #: Rows on rolled days or before them that no rollup has seen, by file (None: recent rows).
    unseen: Sequence[tuple[SealedFile | None, Sequence[Span]]] = ()
    #: Customers merged since the rollups were made (ids of now).
    merged: pl.Series = field(default_factory=lambda: pl.Series("customer_id", [], pl.Int64))

    @classmethod
    def nothing(cls, rows: Rows, zone: ZoneInfo) -> Rolled:
        return cls(zone=zone, files={}, rows=rows)

    def of_sealed(self) -> Rolled:
        """The same without the recent tail: as if it had not arrived yet."""
        rows = Rows(self.rows.files, empty_events(), self.rows.merges)
        unseen = [(file, spans) for file, spans in self.unseen if file is not None]
        return Rolled(self.zone, self.files, rows, unseen, self.merged)

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

    def days_within(self, window: Span) -> list[date]:
        """The rolled days that lie wholly in ``window``, in order; none if raw rows are cheaper."""
        days = [d for d in sorted(self.files) if window.covers(day_span(d, self.zone))]
        return days if days and self.touched.len() <= MOST_TOUCHED else []

    def scan(self, days: Sequence[date]) -> pl.LazyFrame:
        """The rollup rows (ROLLUP_COLUMNS) of these days, under the customers of now."""
        paths = [self.files[d] for d in days]
        rows = pl.scan_parquet(paths, schema=ROLLUP_COLUMNS, glob=False, hive_partitioning=False)
        return rows.with_columns(self.rows.merges.mapped(pl.col("customer_id")))
