"""The keys of all sessions or orders of rolled days, sorted: has one of this key started before?"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl


@dataclass(frozen=True)
class KnownKeys:
    """The keys in one column of the files ``paths``.

    ``keys`` (Int64) ascend; ``places`` tell which of ``paths`` each is in. A key that different
    customers used is there several times.
    """

    paths: tuple[Path, ...]
    keys: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, paths: Sequence[Path], column: str) -> KnownKeys:
        """Read from the files."""
        columns = [_keys_of(path, column) for path in paths]
        keys = np.concatenate([np.zeros(0, np.int64), *columns])
        places = np.repeat(np.arange(len(paths), dtype=np.uint16), [c.size for c in columns])
        order = np.argsort(keys)
        return cls(tuple(paths), keys[order], places[order])

    def find(self, asked: np.ndarray) -> tuple[np.ndarray, set[Path]]:
        """Which of the ``asked`` keys (ascending) are known, as a mask, and the files with them."""
        first = np.searchsorted(self.keys, asked, side="left")
        last = np.searchsorted(self.keys, asked, side="right")
        known = last > first
        places = {
            int(place)
            for low, high in zip(first[known].tolist(), last[known].tolist(), strict=True)
            for place in self.places[low:high].tolist()
        }
        return known, {self.paths[place] for place in places}


class Known:
    """The keys of one set of files: a large table and small ones of files that came later."""

    def __init__(self, tables: Sequence[KnownKeys], paths: Iterable[Path]) -> None:
        self.tables = tuple(tables)
        self.paths = frozenset(paths)

    def find(self, asked: np.ndarray) -> tuple[np.ndarray, set[Path]]:
        """As ``KnownKeys.find``. A key of a replaced file may be among the known ones: the caller
        looks into the files anyway, and those that are named are present ones.
        """
        known = np.zeros(asked.size, dtype=np.bool_)
        files: set[Path] = set()
        for table in self.tables:
            its_known, its_files = table.find(asked)
            known |= its_known
            files |= its_files
        return known, files & self.paths


def known_keys(paths: Sequence[Path], column: str) -> Known:
    """The keys in a column of files of one kind: sorted once, those of new files by themselves."""
    wanted, whose = frozenset(paths), (_folder(paths), column)
    with _lock:
        last = _newest.get(whose)
    if last is not None and last.paths == wanted:
        return last
    covered = frozenset(p for table in (last.tables if last else ()) for p in table.paths)
    fresh = [path for path in paths if path not in covered]
    if last is None or len(last.tables) + bool(fresh) > _MOST_TABLES or not covered & wanted:
        made = Known([KnownKeys.of(paths, column)], wanted)
    else:
        made = Known([*last.tables, *([KnownKeys.of(fresh, column)] if fresh else [])], wanted)
    with _lock:
        _newest[whose] = made
        while len(_newest) > _KEPT:
            _newest.pop(next(iter(_newest)))
    return made


def _keys_of(path: Path, column: str) -> np.ndarray:
    frame = pl.read_parquet(path, columns=[column], glob=False, hive_partitioning=False)
    return frame[column].drop_nulls().to_numpy()


def _folder(paths: Sequence[Path]) -> Path | None:
    """The lake's folder of these files: a process has one, tests have many."""
    return paths[0].parent.parent if paths else None


_MOST_TABLES: Final = 24
_KEPT: Final = 4
_newest: dict[tuple[Path | None, str], Known] = {}
_lock = threading.Lock()
