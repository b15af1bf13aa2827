"""Events of one kind as arrays: the sealed files', kept in memory, and the recent ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from segmind.events.rows import Rows
from segmind.events.spans import Span
from segmind.events.vectors.columns import of_events, of_sealed_file
from segmind.events.vectors.instants import inside
from segmind.events.vectors.memory import Arrays


def sealed_events(rows: Rows, kind: int, span: Span, columns: Sequence[str]) -> Iterator[Arrays]:
    """(customers as they were told, instants, one array for each of ``columns``), file by file."""
    for file in rows.files:
        if not span.meets(file.min_ts, file.max_ts):
            continue
        arrays = of_sealed_file(file.path, kind, columns)
        if span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts):
            yield arrays
        else:
            wanted = inside(arrays[1], [span])
            yield tuple(array[wanted] for array in arrays)
    recent = rows.recent.filter(pl.col("kind") == kind, span.holds(pl.col("ts")))
    if recent.height:
        yield of_events(recent, columns)
