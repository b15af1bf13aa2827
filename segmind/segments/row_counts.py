"""How many events of some kinds lie in a span, without opening an event file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from segmind.events.log import LogSnapshot
from segmind.events.spans import Span

#: Rollup files whose sums are remembered: years of days.
_MOST_KEPT: Final = 4_000
_kept: Final[OrderedDict[Path, dict[int, int]]] = OrderedDict()
_lock: Final = threading.Lock()


def rows(log: LogSnapshot, kinds: Collection[int], span: Span) -> int:
    """About how many events of these (stored) kinds lie in the span.

    Days that the span only touches count whole. Of days without a rollup, a file's rows count
    whatever their kind.
    """
    if span.is_empty:
        return 0
    days = log.rolled.spans
    asked = [log.rolled.days[day].rollup for day, its in days.items() if span.meets_span(its)]
    rolled = sum(counts.get(kind, 0) for counts in _by_kind(asked) for kind in kinds)
    end = max((its.until for its in days.values() if its.until), default=None)
    later = sum(
        file.rows
        for file in log.rows.files
        if span.meets(file.min_ts, file.max_ts) and (end is None or file.max_ts >= end)
    )
    recent = log.rows.recent
    inside = span.holds(pl.col("ts")) & pl.col("kind").is_in(sorted(kinds))
    return rolled + later + recent.lazy().filter(inside).collect().height


def rows_with_properties(log: LogSnapshot, span: Span) -> int:
    """About how many events in the span, of any kind, have properties: what the files say of
    themselves. Files that the span only touches count whole.
    """
    paths = [f.path for f in log.rows.files if span.meets(f.min_ts, f.max_ts)]
    recent = log.rows.recent["properties"]
    return sum(map(_filled, paths)) + recent.len() - recent.null_count()


@lru_cache(maxsize=_MOST_KEPT)
def _filled(path: Path) -> int:
    """How many rows of an event file have properties, by the statistics in its footer."""
    footer = pq.read_metadata(path)
    column = footer.schema.names.index("properties")
    filled = 0
    for n in range(footer.num_row_groups):
        group = footer.row_group(n)
        statistics = group.column(column).statistics
        known = statistics is not None and statistics.has_null_count
        filled += group.num_rows - (statistics.null_count if known else 0)
    return filled


def _by_kind(paths: Sequence[Path]) -> list[dict[int, int]]:
    """The number of events by kind of each of these rollup files; read once, they never change."""
    with _lock:
        missing = [path for path in paths if path not in _kept]
    if missing:
        found = _read(missing)
        with _lock:
            _kept.update(found)
            while len(_kept) > max(_MOST_KEPT, len(paths)):
                _kept.popitem(last=False)
    with _lock:
        return [_kept.get(path, {}) for path in paths]


def _read(paths: Sequence[Path]) -> dict[Path, dict[int, int]]:
    frames = [pl.scan_parquet(path, glob=False).select("kind", "n") for path in paths]
    sums = pl.collect_all(
        [frame.group_by("kind").agg(pl.col("n").sum()) for frame in frames], engine="streaming"
    )
    return {
        path: dict(zip(one["kind"].to_list(), one["n"].to_list(), strict=True))
        for path, one in zip(paths, sums, strict=True)
    }
