"""Files that every question needs, kept in memory as one table: a process reads each file once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

#: Rows kept as one table, at most; a longer one is read from its files again and again.
MOST_ROWS: Final = 3_000_000
#: Tables kept: rollups, session and order starts of one store, and those that replace them.
_TABLES: Final = 6

_tables: OrderedDict[tuple[Path, ...], _Table] = OrderedDict()
_lock = threading.Lock()


class _Table:
    """Files one after the other, with the place of each."""

    def __init__(self, parts: dict[Path, pl.DataFrame]) -> None:
        self.frame = pl.concat(list(parts.values()), rechunk=True)
        self.places: dict[Path, tuple[int, int]] = {}
        offset = 0
        for path, part in parts.items():
            self.places[path] = (offset, part.height)
            offset += part.height

    def part(self, path: Path) -> pl.DataFrame:
        offset, length = self.places[path]
        return self.frame.slice(offset, length)


def scan(files: Mapping[date, Path], days: list[date], rows: int) -> pl.LazyFrame:
    """The rows of ``files`` for ``days``, both in order of day; ``rows`` is what all files hold."""
    if rows > MOST_ROWS:
        paths = [files[day] for day in days]
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False)
    table = _table(tuple(files.values()))
    pieces: list[tuple[int, int]] = []
    for day in days:
        offset, length = table.places[files[day]]
        if pieces and sum(pieces[-1]) == offset:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + length)
        else:
            pieces.append((offset, length))
    return pl.concat([table.frame.slice(*piece).lazy() for piece in pieces])


def _table(paths: tuple[Path, ...]) -> _Table:
    with _lock:
        if paths in _tables:
            _tables.move_to_end(paths)
            return _tables[paths]
        # What other tables hold of these files is taken from there: after a correction of one
        # day, only that day is read.
        known = {path: table for table in _tables.values() for path in table.places}
    table = _Table(
        {p: known[p].part(p) if p in known else pl.read_parquet(p, glob=False) for p in paths}
    )
    with _lock:
        _tables[paths] = table
        while len(_tables) > _TABLES:
            _tables.popitem(last=False)
    return table
