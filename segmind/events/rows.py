"""Raw rows of one snapshot: sealed files and the recent tail, as one lazy frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from segmind import stopping
from segmind.events import rare_rows
from segmind.events.merges import Merges
from segmind.events.schema import EVENT_COLUMNS, empty_events
from segmind.events.spans import Span, any_holds

#: So few customers are looked for one by one, which lets row groups without them go unread.
FEW_CUSTOMERS: Final = 16


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file that can be read: ``path`` is absolute, the bounds are inclusive."""

    id: int
    path: Path
    rows: int
    min_ts: datetime
    max_ts: datetime


@dataclass(frozen=True)
class Rows:
    """Every event of a snapshot exactly once, under the customer it belongs to now."""

    files: tuple[SealedFile, ...]
    recent: pl.DataFrame  # EVENT_COLUMNS
    merges: Merges

    def scan(
        self,
        spans: Sequence[Span],
        columns: Sequence[str],
        *,
        kinds: Collection[int] | None = None,
        customers: pl.Series | None = None,
    ) -> pl.LazyFrame:
        """The events in ``spans`` (any overlap counts once), of ``kinds`` and ``customers``.

        Files outside the spans are not opened; inside, row groups are skipped by kind and time.
        """
        near = [f for f in self.files if any(s.meets(f.min_ts, f.max_ts) for s in spans)]
        if rare_rows.are_kept(kinds, columns):
            rows = self._rare(near)
        else:
            rows = _concat([*_scans([f.path for f in near]), self.recent.lazy()])
        if not any(span == Span() for span in spans):
            rows = rows.filter(any_holds(spans, pl.col("ts")))
        if kinds is not None:
            rows = rows.filter(_is_any("kind", kinds))
        return self._of_customers(rows, customers).select(columns)

    def _rare(self, near: Sequence[SealedFile]) -> pl.LazyFrame:
        newest = sorted(near, key=lambda f: f.max_ts, reverse=True)[: rare_rows.MOST_FILES]
        kept = {f.path for f in newest if f.rows <= rare_rows.MOST_ROWS}
        others = _scans([f.path for f in near if f.path not in kept])
        rare = [rare_rows.of_file(f.path).lazy() for f in near if f.path in kept]
        parts = [*others, *rare, self.recent.lazy()]
        return _concat([part.drop("properties", strict=False) for part in parts])

    def portions(self, span: Span, columns: Sequence[str], kind: int) -> Iterator[pl.LazyFrame]:
        """The events of one kind in the span as told (merged ids are not mapped), in portions that
        each fit into memory: those of a UTC day together.
        """
        recent = self.recent.filter(pl.col("kind") == kind, span.holds(pl.col("ts")))
        late = recent["ts"].dt.date()
        near = [f for f in self.files if span.meets(f.min_ts, f.max_ts)]
        days = {f.min_ts.date() for f in near} | set(late)
        for day in sorted(days):
            stopping.check()
            rows = [recent.filter(late == day).lazy()]
            for file in near:
                if file.min_ts.date() == day:
                    its = scan_files([file.path]).filter(pl.col("kind") == kind)
                    # Instants of a file that lies in the span as a whole need not be read.
                    is_inside = span.meets(file.min_ts, file.min_ts) and span.meets(
                        file.max_ts, file.max_ts
                    )
                    rows.append(its if is_inside else its.filter(span.holds(pl.col("ts"))))
            yield pl.concat(part.select(columns) for part in rows)

    def _of_customers(self, rows: pl.LazyFrame, customers: pl.Series | None) -> pl.LazyFrame:
        # Narrowed by the ids that are in the files, before these are mapped: so files can help.
        if customers is not None:
            ids = self.merges.behind(customers)
            few = ids.len() <= FEW_CUSTOMERS
            of_them = pl.col("customer_id").is_in(ids.implode())
            rows = rows.filter(_is_any("customer_id", ids) if few else of_them)
        if self.merges.frame.is_empty():
            return rows
        return rows.with_columns(self.merges.mapped(pl.col("customer_id")))


def scan_files(paths: Iterable[Path]) -> pl.LazyFrame:
    """Event files as they lie on disk."""
    return pl.scan_parquet(list(paths), schema=EVENT_COLUMNS, glob=False, hive_partitioning=False)


def _scans(paths: Sequence[Path]) -> list[pl.LazyFrame]:
    """The files together; one by one where the question can be stopped between two of them."""
    if not paths:
        return []
    if not stopping.is_watched():
        return [scan_files(paths)]
    return [stopping.watched(scan_files([path])) for path in paths]


def _is_any(column: str, codes: Iterable[int]) -> pl.Expr:
    # Spelt out as comparisons, so that a file's statistics can answer them.
    wanted = [pl.col(column) == code for code in sorted(codes)]
    return pl.any_horizontal(wanted) if wanted else pl.lit(False)


def _concat(frames: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    return pl.concat(frames) if frames else empty_events().lazy()
