"""For every moment of a rare act, the nearest one of a frequent act by the same customer.

Views are too many to be held; what else customers do is not. So of a rolled day it is kept what the
rare act's moments found on that day: 20 bytes for each of them. What lies on other days is told by
the days' first and last instants, and open days by their rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.events import derive
from segmind.events.merges import Merges
from segmind.events.rolled import Rolled
from segmind.events.rows import scan_files
from segmind.events.schema import DERIVED, Kind
from segmind.events.spans import Span, minus
from segmind.events.vectors.columns import CUSTOMER, as_array, of_rolled_day, of_starts
from segmind.events.vectors.derived import order_starts, session_starts, started
from segmind.events.vectors.following import Moments, next_after
from segmind.events.vectors.instants import inside
from segmind.events.vectors.memory import PAIRS, Arrays
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.ranges import NEVER, NOT_YET
from segmind.events.vectors.sealed import sealed_events

#: Merges after which days are worked out anew; the customers of fewer are read from their rows.
MOST_MERGED: Final = 2_000
_COLUMNS: Final = (CUSTOMER, "ts")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class Side(StrEnum):
    """Where to look from a moment."""

    BEFORE = "before"  # the last one strictly earlier, else NEVER
    AFTER = "after"  # the first one strictly later, else NOT_YET
    SINCE = "since"  # the first one at the same instant or later, else NOT_YET

    @property
    def nothing(self) -> int:
        return NEVER if self is Side.BEFORE else NOT_YET


@dataclass(frozen=True)
class Nearest:
    """The moments of ``rare`` in one snapshot, each with the nearest moment of ``frequent``.

    ``frequent`` is a stored kind, ``rare`` may be a derived one. Ids from ``size`` on are left out.
    ``now`` has the customer to whom an id belongs by now (None: nobody was merged).
    """

    opened: Opened
    size: int
    now: np.ndarray | None
    rare: int
    frequent: int
    side: Side

    @property
    def rolled(self) -> Rolled:
        return self.opened.rolled

    def within(self, span: Span, reach: Span) -> Arrays:
        """Customers, moments of ``rare`` in ``span``, and the nearest of ``frequent``, in no order.

        The nearest is right wherever it lies in ``reach`` (which holds ``span``); where there is
        none in it, whatever comes lies outside of it. Moments that are the same come once.
        """
        parts = [part for part in self._told(reach) if part[0].size]
        theirs = self._of_odd(span, reach)
        is_odd = np.zeros(self.size, dtype=np.bool_)
        is_odd[self._odd.to_numpy()] = True
        found = []
        for customers, instants, nearest in parts:
            chosen = np.flatnonzero(inside(instants, [span]) & ~is_odd[customers])
            found.append((customers[chosen], instants[chosen], nearest[chosen]))
        return tuple(np.concatenate(arrays) for arrays in zip(theirs, *found, strict=True))

    def _told(self, reach: Span) -> Iterator[Arrays]:
        """Piece by piece of the reach, going away from the side that is looked at."""
        pieces = _pieces(self.rolled, reach)
        is_before = self.side is Side.BEFORE
        keep: np.ufunc = np.maximum if is_before else np.minimum
        beyond = np.full(self.size, self.side.nothing)
        for piece in pieces if is_before else reversed(pieces):
            stopping.check()
            if isinstance(piece, Span):
                found, frequent = self._between(piece)
            else:
                found, frequent = self._of_day(piece)
            customers, instants, nearest = found
            yield (
                customers,
                instants,
                np.where(nearest == self.side.nothing, beyond[customers], nearest),
            )
            keep.at(beyond, *frequent)

    def _of_day(self, day: date) -> tuple[Arrays, Moments]:
        """What the rare moments of a rolled day found on it, and where its frequent ones end."""
        anchor, its = self._anchor, self.rolled.days[day]
        key = (its.rollup, "nearest", self.rare, self.frequent, self.side, anchor.name)
        found = PAIRS.recall(key, lambda: self._search(day, anchor.merges))
        column = "last_ts" if self.side is Side.BEFORE else "first_ts"
        return self._by_now(found), self._by_now(of_rolled_day(its.rollup, self.frequent, column))

    def _search(self, day: date, merges: Merges) -> Arrays:
        """Of the rows that the day's rollup knows, under the customers of ``merges``."""
        span, its = self.rolled.spans[day], self.rolled.days[day]
        rows = scan_files(self._seen_on(span)).filter(span.holds(pl.col("ts")))

        def moments(kind: int) -> Moments:
            frame = rows.filter(pl.col("kind") == kind).select(
                merges.mapped(pl.col(CUSTOMER)), "ts"
            )
            return _as_moments(frame.collect())

        if self.rare in DERIVED:
            starts = of_starts(its.starts if self.rare == Kind.SESSION else its.orders)
            ids = pl.Series(CUSTOMER, starts[0], pl.Int64).to_frame()
            rare = as_array(ids.select(merges.mapped(pl.col(CUSTOMER))).to_series()), starts[1]
        else:
            rare = moments(self.rare)
        customers, instants, nearest = nearest_of(rare, moments(self.frequent), self.side)
        return customers.astype(np.int32) if _is_narrow(customers) else customers, instants, nearest

    def _between(self, span: Span) -> tuple[Arrays, Moments]:
        """The same of a stretch that no rollup answers for, with all its frequent moments."""
        rows = self.rolled.rows
        match self.rare:
            case Kind.SESSION:
                pairs: Iterator[Arrays] = session_starts(self.opened, span)
            case Kind.ORDER:
                pairs = order_starts(self.opened, span)
            case _:
                pairs = sealed_events(rows, self.rare, span, ())
        rare = self._together(pairs)
        frequent = self._together(sealed_events(rows, self.frequent, span, ()))
        return nearest_of(rare, frequent, self.side), frequent

    def _of_odd(self, span: Span, reach: Span) -> Arrays:
        """The answer for those of whom days do not know everything, from their rows."""
        odd, rows = self._odd, self.rolled.rows
        if odd.is_empty():
            return nearest_of(_no_moments(), _no_moments(), self.side)
        scanned = rows.scan([reach], _COLUMNS, kinds=[self.frequent], customers=odd)
        match self.rare:
            case Kind.SESSION:
                rare = _as_moments(derive.session_starts(rows, [span], odd).collect())
            case Kind.ORDER:
                rare = started(derive.order_parts(rows, [span], odd))
            case _:
                its = rows.scan([span], _COLUMNS, kinds=[self.rare], customers=odd)
                rare = _as_moments(its.collect())
        return nearest_of(rare, _as_moments(scanned.collect()), self.side)

    @cached_property
    def _odd(self) -> pl.Series:
        """Customers (ids of now) with rows that rollups have not seen, or lately merged."""
        newly = self.rolled.rows.merges.newer_than(self._anchor.merges)
        odd = pl.concat([self.rolled.touched, newly]).unique()
        return odd.filter(odd < self.size)

    @cached_property
    def _anchor(self) -> _Anchor:
        return _anchored(self.rolled.rows.merges)

    def _seen_on(self, day: Span) -> list[Path]:
        """The sealed files with rows on a rolled day that its rollup has seen."""
        unseen = {file.id: spans for file, spans in self.rolled.unseen if file is not None}
        return [
            file.path
            for file in self.rolled.rows.files
            if day.meets(file.min_ts, file.max_ts)
            and not any(span.meets_span(day) for span in unseen.get(file.id, ()))
        ]

    def _together(self, pairs: Iterator[Arrays]) -> Moments:
        known = [self._by_now(pair) for pair in pairs]
        customers = np.concatenate([_no_moments()[0], *(pair[0] for pair in known)])
        return customers, np.concatenate([_no_moments()[1], *(pair[1] for pair in known)])

    def _by_now(self, arrays: Arrays) -> Arrays:
        """The arrays (customers first) under the customers of now, but ids that are too large."""
        customers = arrays[0]
        if customers.size and int(customers.max()) >= self.size:
            known = customers < self.size
            customers, *rest = (array[known] for array in arrays)
            arrays = customers, *rest
        return arrays if self.now is None else (self.now[customers], *arrays[1:])


def nearest_of(rare: Moments, frequent: Moments, side: Side) -> Arrays:
    """Customers, the different moments of ``rare``, and the nearest of ``frequent`` to each."""
    match side:
        case Side.AFTER:
            return next_after(rare, frequent)
        case Side.SINCE:
            customers, instants, nearest = next_after((rare[0], rare[1] - 1), frequent)
            return customers, instants + 1, nearest
        case Side.BEFORE:
            back = (rare[0], -rare[1]), (frequent[0], -frequent[1])
            customers, instants, nearest = next_after(*back)
            return customers, -instants, np.where(nearest == NOT_YET, NEVER, -nearest)


@dataclass(frozen=True)
class _Anchor:
    """The merges under which days are worked out: every new one would change all of them."""

    merges: Merges
    name: str


_anchor: list[_Anchor] = []
_lock = threading.Lock()


def _anchored(merges: Merges) -> _Anchor:
    """The newest anchor, if it tells nothing else than ``merges`` and not much less."""
    with _lock:
        if not _anchor or not _still_holds(_anchor[-1].merges, merges):
            frame = merges.frame
            told = b"".join(frame[name].to_numpy().tobytes() for name in frame.columns)
            _anchor[:] = [_Anchor(merges, blake2b(told, digest_size=8).hexdigest())]
        return _anchor[-1]


def _still_holds(old: Merges, merges: Merges) -> bool:
    if old.frame.equals(merges.frame):
        return True
    if merges.newer_than(old).len() > MOST_MERGED:
        return False
    told = old.frame.select(
        merges.mapped(pl.col("from_id")), merges.mapped(pl.col("into_id")).alias("into_id")
    )
    return bool((told["from_id"] == told["into_id"]).all())


def _pieces(rolled: Rolled, window: Span) -> list[date | Span]:
    """The rolled days that a window meets and what is left of it, in order of time."""
    if window.is_empty:
        return []
    days = {day: span for day, span in rolled.spans.items() if window.meets_span(span)}
    every: list[tuple[datetime, date | Span]] = [
        (span.since or _EARLIEST, day) for day, span in days.items()
    ]
    every += [(rest.since or _EARLIEST, rest) for rest in minus(window, list(days.values()))]
    return [piece for _, piece in sorted(every, key=lambda pair: pair[0])]


def _as_moments(frame: pl.DataFrame) -> Moments:
    return as_array(frame[CUSTOMER]), as_array(frame["ts"])


def _no_moments() -> Moments:
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)


def _is_narrow(customers: np.ndarray) -> bool:
    return not customers.size or int(customers.max()) < 2**31
