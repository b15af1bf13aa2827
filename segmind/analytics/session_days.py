"""Which sessions were at work on each closed day, and what they did: numbers that add up.

Nearly every session lies within one day, so that days are counted one by one and summed. The few
keys that are met twice (past midnight, or under two ids of one customer) are told row by row, to be
put together by whoever asks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.events.rows import scan_files
from segmind.events.schema import Kind
from segmind.events.spans import Span

Ints = NDArray[np.int64]
#: Steps of a session, a bit each.
BITS: Final[dict[int, int]] = {
    int(Kind.PRODUCT_VIEWED): 1,
    int(Kind.PRODUCT_ADDED): 2,
    int(Kind.CHECKOUT_STARTED): 4,
    int(Kind.ORDER_COMPLETED): 8,
}
MASKS: Final = 16
ACT_COLUMNS: Final[dict[str, pl.DataType]] = {
    "customer_id": pl.Int64(),  # as in the files
    "session_key": pl.Int64(),
    "mask": pl.UInt8(),  # BITS of what it did
}
#: With more new days than this, keys that are met twice are found by sorting all of them.
_FEW: Final = 3


def acts_of(events: pl.LazyFrame) -> pl.DataFrame:
    """ACT_COLUMNS of the sessions among these events: one row per customer and key."""
    is_step = pl.any_horizontal([pl.col("kind") == kind for kind in BITS])
    masks = pl.col("kind").replace_strict(BITS, return_dtype=pl.UInt8)
    steps = events.filter(is_step, pl.col("session_key").is_not_null())
    return (
        steps.select("customer_id", "session_key", masks.alias("mask"))
        .group_by("customer_id", "session_key")
        .agg(pl.col("mask").bitwise_or())
        .select(ACT_COLUMNS.keys())
        .collect(engine="streaming")
    )


@dataclass(frozen=True, eq=False)
class Day:
    """The sessions of one day in order of their key. ``paths``: the files that this was read of."""

    paths: tuple[Path, ...]
    keys: Ints
    customers: NDArray[np.integer[Any]]
    masks: NDArray[np.uint8]

    @classmethod
    def read(cls, paths: tuple[Path, ...], span: Span) -> Day:
        acts = acts_of(scan_files(paths).filter(span.holds(pl.col("ts")))).sort("session_key")
        customers = acts["customer_id"].to_numpy()
        small = not len(customers) or int(np.abs(customers).max()) < 2**31
        return cls(
            paths,
            acts["session_key"].to_numpy(),
            customers.astype(np.int32) if small else customers,
            acts["mask"].to_numpy(),
        )

    def counts(self) -> Ints:
        """How many sessions there are by mask."""
        return np.bincount(self.masks, minlength=MASKS).astype(np.int64)

    def has(self, keys: Ints) -> NDArray[np.bool_]:
        """Which of these keys (ascending) are there."""
        at = np.minimum(np.searchsorted(self.keys, keys), max(0, len(self.keys) - 1))
        return self.keys[at] == keys if len(self.keys) else np.zeros(len(keys), np.bool_)

    def rows(self, keys: Ints, day: date) -> pl.DataFrame:
        """ACT_COLUMNS and day of the sessions with these keys (ascending)."""
        keys = keys[self.has(keys)]
        low = np.searchsorted(self.keys, keys, "left")
        length = np.searchsorted(self.keys, keys, "right") - low
        first = np.repeat(low - np.concatenate(([0], np.cumsum(length)[:-1])), length)
        at = first + np.arange(len(first))
        return pl.DataFrame(
            {
                "customer_id": self.customers[at].astype(np.int64),
                "session_key": self.keys[at],
                "mask": self.masks[at],
            },
            schema=ACT_COLUMNS,
        ).with_columns(day=pl.lit(day))


class Days:
    """The sessions of some days. Days never change; what is asked is remembered."""

    def __init__(self, days: Mapping[date, Day], before: Days | None = None) -> None:
        self.days = dict(days)
        self.counts = {day: its.counts() for day, its in days.items()}
        kept = {} if before is None else before.days
        news = [day for day, its in days.items() if kept.get(day) is not its]
        if before is None or len(news) > _FEW:
            self._told = _met_twice(days.values())
        else:
            # What was told once may be told for ever: rows of one session alone do no harm.
            mine = [_met_with(days[day], day, days) for day in news]
            self._told = _unique([before._told, *mine])
        self._asked: Ints = np.zeros(0, np.int64)
        self._rows = self._rows_of(self._told)
        self._lock = threading.Lock()

    def told_with(self, keys: Ints) -> pl.DataFrame:
        """Row by row (ACT_COLUMNS and day) every session whose key is met twice among these days
        and ``keys`` (ascending), with all rows of such a key; and a few others."""
        with self._lock:
            news = keys[~_is_in(keys, self._asked)]
            if len(news):
                found = np.zeros(len(news), np.bool_)
                for day in self.days.values():
                    found |= day.has(news)
                met = news[found]
                met = met[~_is_in(met, self._told)]
                if len(met):
                    self._told = _unique([self._told, met])
                    self._rows = pl.concat([self._rows, self._rows_of(met)])
                self._asked = _unique([self._asked, news])
            return self._rows

    def _rows_of(self, keys: Ints) -> pl.DataFrame:
        nothing = pl.DataFrame(schema={**ACT_COLUMNS, "day": pl.Date()})
        return pl.concat([nothing, *(its.rows(keys, day) for day, its in self.days.items())])


def _met_twice(days: Iterable[Day]) -> Ints:
    keys = np.sort(np.concatenate([np.zeros(0, np.int64), *(day.keys for day in days)]))
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def _met_with(one: Day, name: date, days: Mapping[date, Day]) -> Ints:
    """Keys of one day that are there twice, or on another day."""
    keys = np.unique(one.keys)
    met = np.zeros(len(keys), np.bool_)
    for other, its in days.items():
        if other != name:
            met |= its.has(keys)
    return _unique([keys[met], one.keys[1:][one.keys[1:] == one.keys[:-1]]])


def _is_in(keys: Ints, known: Ints) -> NDArray[np.bool_]:
    """Which of ``keys`` are among ``known`` (ascending)."""
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == keys
    return found


def _unique(parts: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(parts))
