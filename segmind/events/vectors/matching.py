"""What some events of a kind add up to by customer: of a sealed file kept, for it never changes.

Which events, and what of them, is said by a function: a rule's comparisons, for example.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from segmind.events.rows import Rows, SealedFile
from segmind.events.spans import Span
from segmind.events.vectors.memory import MATCHING, Arrays

#: From events to customers, each once, and their amounts.
Summing = Callable[[pl.LazyFrame], Arrays]


def sums(
    rows: Rows, kind: int, span: Span, columns: Sequence[str], key: Hashable, summed: Summing
) -> Iterator[Arrays]:
    """What ``summed`` makes of the events of a stored kind in the span, in portions.

    ``columns`` are what it reads, ``key`` says what it does: of a file that lies in the span as a
    whole it is asked once for each key. Ids are as the log was told them.
    """
    whole = [file for file in rows.files if _is_inside(file, span)]
    for file in whole:
        alone = replace(rows, files=(file,), recent=rows.recent.clear())
        read = partial(_all, alone, kind, span, columns, summed)
        yield MATCHING.recall((file.path, kind, key), read)
    others = tuple(file for file in rows.files if file not in whole)
    for portion in replace(rows, files=others).portions(span, columns, kind):
        yield summed(portion)


def _all(rows: Rows, kind: int, span: Span, columns: Sequence[str], summed: Summing) -> Arrays:
    return summed(pl.concat(rows.portions(span, columns, kind)))


def _is_inside(file: SealedFile, span: Span) -> bool:
    return span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts)
