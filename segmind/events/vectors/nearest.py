"""For every moment of a rare act, the nearest one of a frequent act by the same customer.

Views are too many to be held; what else customers do is not. So of a rolled day it is kept what the
rare act's moments found on that day: 20 bytes for each of them. What lies on other days is told by
the days' first and last instants, and open days by their rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
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
from segmind.events.vectors.following import Moments, Side, nearest_of
from segmind.events.vectors.instants import inside
from segmind.events.vectors.memory import PAIRS, Arrays
from segmind.events.vectors.merge_anchor import Anchor, anchored
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.placing import as_now
from segmind.events.vectors.sealed import sealed_events

_COLUMNS: Final = (CUSTOMER, "ts")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


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

    def is_kept(self, reach: Span) -> bool:
        """Whether there are rolled days in the reach, and what they tell is at hand."""
        days = [piece for piece in _pieces(self.rolled, reach) if not isinstance(piece, Span)]
        return bool(days) and all(PAIRS.get(self._key(day)) is not None for day in days)

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
        its = self.rolled.days[day]
        found = PAIRS.recall(self._key(day), lambda: self._search(day, self._anchor.merges))
        column = "last_ts" if self.side is Side.BEFORE else "first_ts"
        customers, ends = self._by_now(of_rolled_day(its.rollup, self.frequent, column))
        return self._by_now(found), (customers, ends)

    def _key(self, day: date) -> Hashable:
        rollup = self.rolled.days[day].rollup
        return rollup, "nearest", self.rare, self.frequent, self.side, self._anchor.name

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
    def _anchor(self) -> Anchor:
        return anchored(self.rolled.rows.merges)

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
        return as_now(arrays, self.size, self.now)


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
