"""Order lines of small files, kept in memory: asked for by every look while events come in.

Whether an order is new depends on all lines of the open day, which lie in files that sealing and
compaction made a moment ago. Reading each of them at every look costs what the day has grown to;
a file never changes, and one event in a hundred is an order line.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from segmind.events.schema import EVENT_COLUMNS, Kind

#: Files of more rows are few, and those of closed days, which rollups answer for.
MOST_ROWS: Final = 600_000
#: Files that one question takes from here, its newest; twice as many are kept.
MOST_FILES: Final = 128
_RARE: Final = frozenset({int(Kind.ORDER_COMPLETED), int(Kind.ORDER_REFUNDED)})
_COLUMNS: Final = tuple(name for name in EVENT_COLUMNS if name != "properties")
_FILES_KEPT: Final = 2 * MOST_FILES

_kept: OrderedDict[Path, pl.DataFrame] = OrderedDict()
_lock: Final = threading.Lock()


def are_kept(kinds: Collection[int] | None, columns: Sequence[str]) -> bool:
    """Whether rows of these kinds, with these columns, can be had from here."""
    return kinds is not None and _RARE.issuperset(kinds) and set(_COLUMNS).issuperset(columns)


def of_file(path: Path) -> pl.DataFrame:
    """The rare rows of an event file: EVENT_COLUMNS without properties."""
    with _lock:
        if path in _kept:
            _kept.move_to_end(path)
            return _kept[path]
    rows = pl.scan_parquet(path, schema=EVENT_COLUMNS, glob=False, hive_partitioning=False)
    # Spelt out as comparisons, so that a file's statistics can answer them.
    is_rare = pl.any_horizontal([pl.col("kind") == kind for kind in sorted(_RARE)])
    made = rows.filter(is_rare).select(_COLUMNS).collect()
    with _lock:
        _kept[path] = made
        while len(_kept) > _FILES_KEPT:
            _kept.popitem(last=False)
    return made
