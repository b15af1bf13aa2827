"""The log's totals as vectors: one number per customer, at the place of his id.

A vector over a window is the sum over the rolled days in it, kept from question to question, and
what the edges of the window and late events add.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.events.vectors import derived, matching, ranges
from segmind.events.vectors.buyers import Buyers, buyers_of
from segmind.events.vectors.columns import CUSTOMER
from segmind.events.vectors.following import Side
from segmind.events.vectors.memory import Arrays
from segmind.events.vectors.nearest import Nearest
from segmind.events.vectors.order_days import order_days
from segmind.events.vectors.placing import as_now, below
from segmind.events.vectors.product_sets import ProductSets
from segmind.events.vectors.ranges import NEVER, NOT_YET
from segmind.events.vectors.sealed import sealed_events
from segmind.events.vectors.since_emptied import SinceEmptied
from segmind.events.vectors.summed import Summed

__all__ = ["NEVER", "NOT_YET", "Vectors"]


@dataclass(frozen=True)
class Vectors(Summed):
    """The totals of one snapshot, by customer id, for ids below ``size``."""

    size: int

    @cached_property
    def buyers(self) -> Buyers:
        """The same of those alone who ever bought, side by side: an eighth of a shop's visitors."""
        return buyers_of(self.opened, self.size)

    def events(
        self, kind: int, span: Span, columns: Sequence[str]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Events of a stored kind: customers, instants (microseconds UTC) and ``columns`` (Int64,
        0 where the event says nothing), file by file.

        The arrays of the files are kept in memory: for kinds of a few million events.
        """
        for arrays in sealed_events(self.rolled.rows, kind, span, columns):
            yield self._as_now(arrays)

    def instants(self, kind: int, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Customers and instants (Int64, microseconds UTC) of every event of a kind, in no order.

        Of sessions and orders: of their starts. For kinds of a few million, as ``events``.
        """
        match kind:
            case Kind.SESSION:
                found: Iterator[Arrays] = derived.session_starts(self.opened, span)
            case Kind.ORDER:
                found = derived.order_starts(self.opened, span)
            case _:
                found = sealed_events(self.rolled.rows, kind, span, ())
        pairs = [self._placed(pair) for pair in found]
        none = np.zeros(0, dtype=np.int64)
        customers = np.concatenate([none, *(pair[0] for pair in pairs)])
        instants = np.concatenate([none, *(pair[1] for pair in pairs)])
        return (customers if self._places is None else self._places[customers]), instants

    def order_days(self, span: Span) -> np.ndarray:
        """Customers and days on which an order of theirs started, as ``order_days`` packs them."""
        return order_days(self._parts(span), self.size)

    def portions(
        self, kind: int, span: Span, columns: Sequence[str]
    ) -> Iterator[tuple[np.ndarray, pl.LazyFrame]]:
        """Events of a stored kind however many, a UTC day at a time, with these ``columns``.

        Each comes with the map from its customer ids to those of now (``now[ids]``).
        """
        now = np.arange(self.size) if self._places is None else self._places
        known = pl.col(CUSTOMER) < self.size
        for rows in self.rolled.rows.portions(span, [CUSTOMER, *columns], kind):
            yield now, rows.filter(known)

    def sums(
        self, kind: int, span: Span, columns: Sequence[str], key: Hashable, summed: matching.Summing
    ) -> Iterator[Arrays]:
        """``matching.sums`` under the customers' ids of now; ``columns`` beside the customers."""
        read = [CUSTOMER, *columns]
        for arrays in matching.sums(self.rolled.rows, kind, span, read, key, summed):
            yield self._as_now(arrays)

    def products(self, kind: int, span: Span) -> np.ndarray | None:
        """How many different products, Int64[size], of a stored kind; events without a product
        count for none. None where rolled days tell too little: rows are the cheaper way there.
        """
        sets = self._product_sets(kind, span)
        return sets.count() if sets.is_possible else None

    def has_products(self, kind: int, span: Span) -> bool:
        """Whether ``products`` is answered without reading the events of whole days."""
        sets = self._product_sets(kind, span)
        return sets.is_possible and sets.is_kept

    def _product_sets(self, kind: int, span: Span) -> ProductSets:
        return ProductSets(self._parts(span), kind, self.size)

    def nearest(self, rare: int, frequent: int, side: Side) -> Nearest:
        """The moments of one act, each with the nearest one of another, which is a stored kind."""
        return Nearest(self.opened, self.size, self._places, rare, frequent, side)

    def since_emptied(
        self, put_in: int, taken_out: int, emptied_by: int, span: Span, emptied: np.ndarray
    ) -> np.ndarray:
        """``SinceEmptied.items`` of three stored kinds."""
        held = SinceEmptied(self.rolled, self.size, self._places, put_in, taken_out, emptied_by)
        return held.items(span, emptied)

    def _as_now(self, arrays: Arrays) -> Arrays:
        return as_now(arrays, self.size, self._places)

    @cached_property
    def _places(self) -> np.ndarray | None:
        """By id: the customer that it belongs to now; None if nobody was merged."""
        if self._merged is None:
            return None
        now = np.arange(self.size)
        now[self._merged[0]] = self._merged[1]
        return now

    def _whole(self, days: Sequence[Path], kind: int, column: str) -> np.ndarray:
        return ranges.whole(days, kind, column, self.size, self.rolled.zone)

    def _placed(self, arrays: Arrays) -> Arrays:
        return below(arrays, self.size)
