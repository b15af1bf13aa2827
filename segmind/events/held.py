"""Rows of rare kinds, held in memory: orders, refunds and messages are few beside views.

What lies in settled files is prepared once and kept; what came since is handed out as it is, so
that an answer is always of this very snapshot. Customer ids are those of the files: merges change
what they mean, never what is held.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import polars as pl

from segmind.events.merges import Merges
from segmind.events.rows import Rows, SealedFile, scan_files
from segmind.events.schema import EVENT_COLUMNS

T = TypeVar("T")
V = TypeVar("V")

#: A file of the newest day is settled from so many rows on: it is not merged with others soon.
SETTLED_ROWS: Final = 250_000
#: More rows than this beside the settled ones, and everything is settled anew.
MOST_FRESH: Final = 200_000
_FILES_KEPT: Final = 512


@dataclass(frozen=True)
class Wanted(Generic[T]):
    """Rows that somebody wants held: ``kinds`` and ``columns`` of the log, and what is made of
    the settled ones. ``name`` stands for all of it."""

    name: str
    kinds: tuple[int, ...]
    columns: tuple[str, ...]
    prepare: Callable[[pl.DataFrame], T] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Held(Generic[T]):
    """One snapshot's rows: what was prepared of the settled files, and all others as they are.

    The same object comes back as long as neither changed, nor ``merges``.
    """

    settled: T
    fresh: pl.DataFrame
    merges: Merges
    _derived: dict[str, Any] = field(default_factory=dict, repr=False)

    def derived(self, name: str, make: Callable[[], V]) -> V:
        """What ``make`` gives, made once for this object."""
        if name not in self._derived:
            self._derived[name] = make()
        found: V = self._derived[name]
        return found


@dataclass(frozen=True)
class _Settled:
    paths: frozenset[Path]
    content: Any


_settled: dict[str, _Settled] = {}
_newest: dict[str, tuple[_Settled, Held[Any]]] = {}
_read: OrderedDict[tuple[str, Path], pl.DataFrame] = OrderedDict()
_locks: dict[str, threading.Lock] = {}
_lock = threading.Lock()


def held(rows: Rows, wanted: Wanted[T]) -> Held[T]:
    """The wanted rows of a snapshot."""
    with _lock:
        own = _locks.setdefault(wanted.name, threading.Lock())
    with own:
        settled = _settled.get(wanted.name)
        if settled is None or not settled.paths <= {f.path for f in rows.files}:
            settled = _settle(wanted, _worth_settling(rows.files))
        fresh = _fresh(rows, wanted, settled)
        if fresh.height > MOST_FRESH and len(settled.paths) < len(rows.files):
            settled = _settle(wanted, rows.files)
            fresh = _fresh(rows, wanted, settled)
        return _same_or_new(wanted, settled, fresh, rows.merges)


def _same_or_new(
    wanted: Wanted[T], settled: _Settled, fresh: pl.DataFrame, merges: Merges
) -> Held[T]:
    known = _newest.get(wanted.name)
    if (
        known is not None
        and known[0] is settled
        and known[1].merges.frame.equals(merges.frame)
        and known[1].fresh.equals(fresh)
    ):
        same: Held[T] = known[1]
        return same
    new: Held[T] = Held(settled.content, fresh, merges)
    _newest[wanted.name] = (settled, new)
    return new


def _worth_settling(files: tuple[SealedFile, ...]) -> list[SealedFile]:
    newest = max((f.max_ts.date() for f in files), default=None)
    return [f for f in files if f.max_ts.date() != newest or f.rows >= SETTLED_ROWS]


def _settle(wanted: Wanted[Any], files: Sequence[SealedFile]) -> _Settled:
    paths = [f.path for f in files]
    rows = pl.DataFrame(schema={name: EVENT_COLUMNS[name] for name in wanted.columns})
    if paths:
        rows = _narrowed(scan_files(paths), wanted).collect(engine="streaming")
    made = _Settled(frozenset(paths), wanted.prepare(rows))
    _settled[wanted.name] = made
    for path in paths:
        _read.pop((wanted.name, path), None)
    return made


def _fresh(rows: Rows, wanted: Wanted[Any], settled: _Settled) -> pl.DataFrame:
    parts = [_of_file(f.path, wanted) for f in rows.files if f.path not in settled.paths]
    parts.append(_narrowed(rows.recent.lazy(), wanted).collect())
    return pl.concat(parts)


def _of_file(path: Path, wanted: Wanted[Any]) -> pl.DataFrame:
    key = (wanted.name, path)
    if key not in _read:
        _read[key] = _narrowed(scan_files([path]), wanted).collect()
        while len(_read) > _FILES_KEPT:
            _read.popitem(last=False)
    _read.move_to_end(key)
    return _read[key]


def _narrowed(events: pl.LazyFrame, wanted: Wanted[Any]) -> pl.LazyFrame:
    # Spelt out as comparisons, so that a file's statistics can answer them.
    is_wanted = pl.any_horizontal([pl.col("kind") == kind for kind in wanted.kinds])
    return events.filter(is_wanted).select(wanted.columns)
