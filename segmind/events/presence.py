"""Who did anything on which day: one bit per customer, so that different customers of any window
are counted by laying days on top of each other.

Bits are those of the ids in the files: merges are applied to the result, where a customer counts
once however many ids he had.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.events.merges import Merges
from segmind.events.rolled import Rolled
from segmind.events.rows import SealedFile, scan_files
from segmind.events.schema import DERIVED, FIRST_CUSTOM_CODE, Kind
from segmind.events.spans import Span, any_holds, minus
from segmind.events.usable import days_of

Ids = NDArray[np.int64]
Bits = NDArray[np.uint8]
#: Acts in the shop: no message, no membership, nothing derived.
IN_SHOP: Final = pl.col("kind").is_between(1, Kind.MESSAGE_SENT - 1) & ~pl.col("kind").is_in(
    [int(kind) for kind in DERIVED]
) | (pl.col("kind") >= FIRST_CUSTOM_CODE)
_KEPT: Final = 1_500


class Crowd:
    """A set of customers."""

    def __init__(self) -> None:
        self._bits: Bits = np.zeros(0, np.uint8)

    def add_bits(self, bits: Bits) -> None:
        """Those whose bits are set."""
        if len(bits) > len(self._bits):
            self._bits = np.concatenate(
                [self._bits, np.zeros(len(bits) - len(self._bits), np.uint8)]
            )
        self._bits[: len(bits)] |= bits

    def add_ids(self, ids: Ids) -> None:
        """Those with these ids, in any order and number."""
        if len(ids):
            self.add_bits(_bits_of(ids))

    @property
    def size(self) -> int:
        """More than the largest id."""
        return 8 * len(self._bits)

    def count(self, merges: Merges) -> int:
        """How many customers they are by now."""
        if merges.frame.is_empty():
            return int(np.bitwise_count(self._bits).sum())
        gone, into = (merges.frame[name].to_numpy() for name in ("from_id", "into_id"))
        size = max(self.size, int(gone.max()) + 1, int(into.max()) + 1)
        flags = np.zeros(size, np.bool_)
        flags[: self.size] = np.unpackbits(self._bits, bitorder="little")
        flags[into[flags[gone]]] = True
        flags[gone] = False
        return int(np.count_nonzero(flags))


@dataclass(frozen=True)
class Day:
    """Who is in a day's rollup: who did something in the shop, and who else is in it at all."""

    shop: Bits
    others: Ids  # ascending
    count: int  # of those who did something in the shop

    def has(self, customer: int) -> bool:
        """Whether there is any row of this id."""
        byte = customer >> 3
        if byte < len(self.shop) and self.shop[byte] >> (customer & 7) & 1:
            return True
        at = int(np.searchsorted(self.others, customer))
        return at < len(self.others) and int(self.others[at]) == customer


class Presence:
    """Who did something in the shop, asked of one snapshot."""

    def __init__(self, rolled: Rolled) -> None:
        self._rolled = rolled

    def of(self, spans: Sequence[Span]) -> Crowd:
        """Everybody with an act in the shop in one of the spans."""
        crowd = Crowd()
        for span in spans:
            if not span.is_empty:
                self._add(crowd, span)
        return crowd

    def count(self, spans: Sequence[Span]) -> int:
        """How many customers have an act in the shop in one of the spans."""
        if len(spans) == 1 and self._rolled.rows.merges.frame.is_empty():
            day = self._whole_days.get(spans[0])
            if day is not None and not self._rolled.unseen:
                return day_of(self._rolled.days[day].rollup).count
        return self.of(spans).count(self._rolled.rows.merges)

    @cached_property
    def _whole_days(self) -> dict[Span, date]:
        """The rolled days by when they are."""
        return {span: day for day, span in self._rolled.spans.items()}

    def _add(self, crowd: Crowd, window: Span) -> None:
        told: list[Span] = []
        for day, span in self._rolled.spans.items():
            if not window.meets_span(span):
                continue
            rollup = self._rolled.days[day].rollup
            if window.covers(span):
                crowd.add_bits(day_of(rollup).shop)
            elif window.since is None or window.since <= span.since:  # type: ignore[operator]
                crowd.add_ids(_ids(_rollup(rollup).filter(pl.col("first_ts") < window.until)))
            elif window.until is None or window.until >= span.until:  # type: ignore[operator]
                crowd.add_ids(_ids(_rollup(rollup).filter(pl.col("last_ts") >= window.since)))
            else:
                continue  # a stretch inside of one day: its rows tell
            told.append(span)
        if told and self._rolled.unseen:
            late = self._late.filter(window.holds(pl.col("ts")), any_holds(told, pl.col("ts")))
            crowd.add_ids(late["customer_id"].to_numpy())
        for rest in minus(window, told):
            self._add_rows(crowd, rest)

    def _add_rows(self, crowd: Crowd, span: Span) -> None:
        for file in self._rolled.rows.files:
            if span.meets(file.min_ts, file.max_ts):
                crowd.add_ids(_ids_of_file(file, span))
        recent = self._rolled.rows.recent.lazy().filter(span.holds(pl.col("ts")))
        crowd.add_ids(_ids(recent))

    @cached_property
    def _late(self) -> pl.DataFrame:
        return self._rolled.loose.filter(IN_SHOP).select("customer_id", "ts").collect()


def files_with(rolled: Rolled, customers: pl.Series) -> list[SealedFile]:
    """The sealed files that may have rows of these few customers (ids of now), newest first.

    Rolled days tell who is in them; files of other days, and those with unseen rows, may have any.
    """
    ids = rolled.rows.merges.behind(customers).to_list()
    known = {
        day for day, its in rolled.days.items() if not any(map(day_of(its.rollup).has, ids))
    }  # days without them
    unseen = {file.id for file, _ in rolled.unseen if file is not None}
    found = [
        file
        for file in rolled.rows.files
        if file.id in unseen or not known.issuperset(days_of(file, rolled.zone))
    ]
    return sorted(found, key=lambda file: file.max_ts, reverse=True)


def day_of(rollup: Path) -> Day:
    """Who is in this rollup; read once a process."""
    with _lock:
        if rollup in _days:
            _days.move_to_end(rollup)
            return _days[rollup]
    rows = pl.read_parquet(rollup, columns=["customer_id", "kind"], glob=False)
    every, is_act = rows["customer_id"].to_numpy(), rows.select(IN_SHOP).to_series().to_numpy()
    flags = _flags_of(every[is_act])
    others = every[~is_act]
    known = others < len(flags)
    known[known] = flags[others[known]]
    made = Day(
        np.packbits(flags, bitorder="little"),
        np.unique(others[~known]),
        int(np.count_nonzero(flags)),
    )
    with _lock:
        _days[rollup] = made
        while len(_days) > _KEPT:
            _days.popitem(last=False)
    return made


def _rollup(path: Path) -> pl.LazyFrame:
    columns = ("customer_id", "kind", "first_ts", "last_ts")
    return pl.scan_parquet(path, glob=False, hive_partitioning=False).select(columns)


def _ids_of_file(file: SealedFile, span: Span) -> Ids:
    within = span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts)
    key = (file.path, None if within else span)
    with _lock:
        if key in _files:
            _files.move_to_end(key)
            return _files[key]
    rows = scan_files([file.path])
    made = _ids(rows if within else rows.filter(span.holds(pl.col("ts"))))
    with _lock:
        _files[key] = made
        while len(_files) > _FILES_KEPT:
            _files.popitem(last=False)
    return made


def _ids(rows: pl.LazyFrame) -> Ids:
    """The customers of the shop's rows, each once."""
    return (
        rows.filter(IN_SHOP)
        .select(pl.col("customer_id").unique())
        .collect()["customer_id"]
        .to_numpy()
    )


def _bits_of(ids: Ids) -> Bits:
    return np.packbits(_flags_of(ids), bitorder="little")


def _flags_of(ids: Ids) -> NDArray[np.bool_]:
    flags = np.zeros(int(ids.max()) + 1 if len(ids) else 0, np.bool_)
    flags[ids] = True
    return flags


_FILES_KEPT: Final = 128
_days: OrderedDict[Path, Day] = OrderedDict()
_files: OrderedDict[tuple[Path, Span | None], Ids] = OrderedDict()
_lock = threading.Lock()
