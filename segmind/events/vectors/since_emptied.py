"""What was put into something and not taken out since it was last emptied: carts.

The files that end with the rolled days say the same until one of them changes. So what they come to
is kept: a byte or two for each customer who has something in. A question adds what came since.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import numpy as np

from segmind.events.merges import Merges
from segmind.events.rolled import Rolled
from segmind.events.rows import Rows, SealedFile
from segmind.events.schema import empty_events
from segmind.events.spans import ALWAYS, Span
from segmind.events.vectors.columns import ITEMS
from segmind.events.vectors.instants import micros
from segmind.events.vectors.memory import RANGES, Arrays
from segmind.events.vectors.merge_anchor import Anchor, anchored
from segmind.events.vectors.placing import as_now, places
from segmind.events.vectors.ranges import NEVER, narrow
from segmind.events.vectors.sealed import sealed_events

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class SinceEmptied:
    """Items of events ``put_in`` less those of ``taken_out`` strictly after a customer's last event
    ``emptied_by``; three stored kinds of few enough events to be held in memory.

    ``now`` has the customer to whom an id belongs by now (None: nobody was merged).
    """

    rolled: Rolled
    size: int
    now: np.ndarray | None
    put_in: int
    taken_out: int
    emptied_by: int

    def items(self, span: Span, emptied: np.ndarray) -> np.ndarray:
        """By customer id, Int64[size], of the events in ``span``.

        ``emptied``: by customer id the last moment of ``emptied_by`` in the span, else NEVER.
        """
        rows, end = self.rolled.rows, self._end(span)
        closed = tuple(file for file in rows.files if file.max_ts < end)
        open_files = tuple(file for file in rows.files if file.max_ts >= end)
        beside = Rows(open_files, rows.recent, rows.merges)
        items = np.zeros(self.size, dtype=np.int64)
        if closed:
            self._lay_closed(items, closed, self._emptied_by(beside, span), emptied)
        self._add(items, beside, span, emptied)
        return items

    def _end(self, span: Span) -> datetime:
        """Where the last rolled day in the span ends; files that end before are its closed ones."""
        ends = [day.until for day in self.rolled.spans.values() if day.until is not None]
        whole = [end for end in ends if span.until is None or end <= span.until]
        return max(whole) if whole and span.since is None else _EARLIEST

    def _lay_closed(
        self, items: np.ndarray, closed: tuple[SealedFile, ...], beside: np.ndarray,
        emptied: np.ndarray,
    ) -> None:  # fmt: skip
        """Put what closed files come to into ``items``.

        ``beside``: customers whom an event of other files emptied.
        """
        ids, held = RANGES.recall(self._key(closed), lambda: self._sum_up(closed))
        known = int(np.searchsorted(ids, self.size))
        items[ids[:known]] = held[:known]
        items[self._merged_away] = 0
        items[beside] = 0
        # Emptied after all that the files tell: nothing of it is left. Else it came in late.
        late = beside[emptied[beside] <= micros(max(file.max_ts for file in closed))]
        odd = np.union1d(late, self._newly_merged)
        if odd.size:
            items[odd] = 0
            self._add(items, _rows(closed, self.rolled.rows.merges), ALWAYS, emptied, only=odd)

    def _sum_up(self, closed: tuple[SealedFile, ...]) -> Arrays:
        """(ids in order, items other than 0) under the customers of the anchor's merges."""
        rows = _rows(closed, self._anchor.merges)
        largest = (int(ids.max()) for ids in self._everybody(rows) if ids.size)
        whose = places(self._anchor.merges, 1 + max(largest, default=-1))
        emptied = np.full(whose.size, NEVER)
        for customers, instants in sealed_events(rows, self.emptied_by, ALWAYS, ()):
            np.maximum.at(emptied, whose[customers], instants)
        items = np.zeros(whose.size, dtype=np.int64)
        for kind, move in self._moves:
            for customers, instants, held in sealed_events(rows, kind, ALWAYS, [ITEMS]):
                theirs = whose[customers]
                _move(items, move, theirs, instants > emptied[theirs], held)
        ids = np.flatnonzero(items)
        return ids.astype(np.int32) if whose.size < 2**31 else ids, narrow(items[ids])

    def _add(
        self, items: np.ndarray, rows: Rows, span: Span, emptied: np.ndarray,
        only: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Move what these rows tell, of ``only`` some customers or of all."""
        counted = np.ones(self.size, dtype=np.bool_)
        if only is not None:
            counted = np.zeros(self.size, dtype=np.bool_)
            counted[only] = True
        for kind, move in self._moves:
            for arrays in sealed_events(rows, kind, span, [ITEMS]):
                customers, instants, held = as_now(arrays, self.size, self.now)
                _move(
                    items, move, customers,
                    counted[customers] & (instants > emptied[customers]), held,
                )  # fmt: skip

    @property
    def _moves(self) -> tuple[tuple[int, np.ufunc], ...]:
        return (self.put_in, np.add), (self.taken_out, np.subtract)

    def _emptied_by(self, rows: Rows, span: Span) -> np.ndarray:
        found = sealed_events(rows, self.emptied_by, span, ())
        customers = [as_now(arrays, self.size, self.now)[0] for arrays in found]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *customers]))

    def _everybody(self, rows: Rows) -> Iterator[np.ndarray]:
        for kind in (self.put_in, self.taken_out, self.emptied_by):
            for arrays in sealed_events(rows, kind, ALWAYS, ()):
                yield arrays[0]

    def _key(self, closed: tuple[SealedFile, ...]) -> Hashable:
        kinds = (self.put_in, self.taken_out, self.emptied_by)
        return "since emptied", kinds, tuple(file.path for file in closed), self._anchor.name

    @cached_property
    def _anchor(self) -> Anchor:
        return anchored(self.rolled.rows.merges)

    @cached_property
    def _newly_merged(self) -> np.ndarray:
        """Customers of now with a larger share of the log than under the anchor's merges."""
        newly = self.rolled.rows.merges.newer_than(self._anchor.merges).to_numpy()
        return newly[newly < self.size]

    @cached_property
    def _merged_away(self) -> np.ndarray:
        gone = self.rolled.rows.merges.frame["from_id"].to_numpy()
        return gone[gone < self.size]


def _move(
    items: np.ndarray, move: np.ufunc, customers: np.ndarray, counts: np.ndarray, held: np.ndarray
) -> None:
    chosen = np.flatnonzero(counts)
    move.at(items, customers[chosen], held[chosen].astype(np.int64, copy=False))


def _rows(files: tuple[SealedFile, ...], merges: Merges) -> Rows:
    return Rows(files, empty_events(), merges)
