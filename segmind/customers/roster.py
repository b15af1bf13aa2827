"""Customers in a fixed order, so that their columns and vectors lie side by side without a join."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from segmind.events.vectors.columns import as_flags

CUSTOMER: Final = "customer_id"
#: Bytes of columns that are kept of files: text of 3.7M customers takes about 60 MB a column.
MOST_BYTES: Final = 200_000_000
#: So few customers are looked for one by one, which lets most of the file go unread.
FEW: Final = 16


@dataclass(frozen=True, eq=False)
class Roster:
    """Some customers (CUSTOMER_COLUMNS), a row each, in the order of ``frame``.

    ``present`` tells the rows that count (None: all); the others are stale or gone. ``origin`` is
    the file that ``frame`` reads as it lies, by ascending id: its columns are kept between
    questions. Of others they are kept as long as the roster itself.
    """

    frame: pl.LazyFrame
    ids: np.ndarray  # Int64, each once
    present: np.ndarray | None = None
    origin: Path | None = None
    _own: dict[Hashable, pl.Series] = field(default_factory=dict, repr=False)

    @property
    def height(self) -> int:
        return self.ids.size

    @cached_property
    def count(self) -> int:
        """How many customers there are."""
        return self.height if self.present is None else int(np.count_nonzero(self.present))

    @cached_property
    def size(self) -> int:
        """One more than the largest id."""
        return int(self.ids.max()) + 1 if self.height else 0

    @cached_property
    def flagged(self) -> np.ndarray:
        """By id, up to ``size``: whether the roster has such a customer."""
        flags = np.zeros(self.size, dtype=np.bool_)
        flags[self.ids if self.present is None else self.ids[self.present]] = True
        return flags

    @cached_property
    def stretch(self) -> slice | None:
        """Where the rows lie in a vector, if their ids follow one another without a gap."""
        if self.origin is None or not self.height:
            return None
        first, last = int(self.ids[0]), int(self.ids[-1])
        # The ids of a file ascend, so without a gap there are as many as this.
        return slice(first, last + 1) if last - first + 1 == self.height else None

    def ids_at(self, rows: np.ndarray) -> np.ndarray:
        """The ids of these rows (numbers of rows, Int64)."""
        ids: np.ndarray = self.ids[rows] if self.stretch is None else rows + self.stretch.start
        return ids

    def column(
        self, key: Hashable, make: Callable[[pl.LazyFrame], pl.LazyFrame], name: str
    ) -> pl.Series:
        """The column ``name`` that ``make`` adds to the frame, in its order.

        ``key`` says what is made: of a file, the same key is read only once.
        """
        return self._recall(key, lambda: _made(self.frame, make, name))

    def bits(
        self, key: Hashable, make: Callable[[pl.LazyFrame], pl.LazyFrame], name: str
    ) -> np.ndarray:
        """``column`` of truth values, eight rows to a byte, the first in its highest bit."""

        def made() -> pl.Series:
            return pl.Series(name, np.packbits(as_flags(_made(self.frame, make, name))))

        return self._recall((key, "bits"), made).to_numpy()

    def _recall(self, key: Hashable, make: Callable[[], pl.Series]) -> pl.Series:
        if self.origin is not None:
            return _columns.recall((self.origin, key), make)
        if key not in self._own:
            self._own[key] = make()
        return self._own[key]

    def among(self, customers: np.ndarray) -> Roster:
        """The roster of those of ``customers`` (ids) who are in this one and present."""
        rows = self._rows_of(customers)
        if self.present is not None:
            rows = rows[self.present[rows]]
        ids = self.ids[rows]
        if 0 < ids.size <= FEW:
            # Spelt out as comparisons, so that the file's statistics can answer them.
            theirs = pl.any_horizontal([pl.col(CUSTOMER) == number for number in ids.tolist()])
        else:
            theirs = pl.col(CUSTOMER).is_in(pl.Series(CUSTOMER, ids).implode())
        frame = self.frame.filter(theirs).collect()
        return Roster(frame.lazy(), frame[CUSTOMER].to_numpy())

    def _rows_of(self, customers: np.ndarray) -> np.ndarray:
        """The rows of these customers, ascending."""
        if self.origin is None or not self.height:
            return np.flatnonzero(np.isin(self.ids, customers))
        wanted = np.unique(customers)
        places = np.minimum(np.searchsorted(self.ids, wanted), self.height - 1)
        found: np.ndarray = places[self.ids[places] == wanted]
        return found


def of_frame(frame: pl.DataFrame) -> Roster:
    """The roster of customers in memory."""
    return Roster(frame.lazy(), frame[CUSTOMER].to_numpy())


def of_file(path: Path, stale: np.ndarray) -> Roster:
    """The roster of a customer file without ``stale`` ids, which are told elsewhere."""
    ids = _ids(path)
    roster = Roster(pl.scan_parquet(path, glob=False), ids, None, path)
    if not stale.size:
        return roster
    present = np.ones(ids.size, dtype=np.bool_)
    places = np.searchsorted(ids, stale)
    places[places == ids.size] = 0
    present[places[ids[places] == stale]] = False
    return Roster(roster.frame, ids, present, path)


def _ids(path: Path) -> np.ndarray:
    frame = pl.scan_parquet(path, glob=False)
    return _columns.recall((path, CUSTOMER), lambda: _made(frame, lambda f: f, CUSTOMER)).to_numpy()


def _made(
    frame: pl.LazyFrame, make: Callable[[pl.LazyFrame], pl.LazyFrame], name: str
) -> pl.Series:
    return make(frame).select(name).collect().to_series()


class _Columns:
    """Columns of customer files; those not asked for the longest go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, pl.Series] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, key: Hashable, make: Callable[[], pl.Series]) -> pl.Series:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            sizes = [series.estimated_size() for series in self._kept.values()]
            while sum(sizes) > self._limit and len(sizes) > 1:
                self._kept.popitem(last=False)
                sizes.pop(0)
        return made


_columns: Final = _Columns(MOST_BYTES)
