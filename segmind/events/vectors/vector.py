"""The log's totals as vectors: one number per customer, at the place of his id.

A vector over a window is the sum over the rolled days in it, kept from question to question, and
what the edges of the window and late events add. It equals ``LogSnapshot.totals``, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from segmind.events.rolled import Rolled
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.events.vectors import derived, distinct_days, ranges
from segmind.events.vectors.columns import CUSTOMER
from segmind.events.vectors.following import Side
from segmind.events.vectors.memory import Arrays
from segmind.events.vectors.nearest import Nearest
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.parts import Pair, Parts
from segmind.events.vectors.product_sets import ProductSets
from segmind.events.vectors.ranges import NEVER, NOT_YET
from segmind.events.vectors.sealed import sealed_events

__all__ = ["NEVER", "NOT_YET", "Vectors"]


@dataclass(frozen=True)
class Vectors:
    """The totals of one snapshot, by customer id, for ids below ``size``.

    ``kind`` may be a derived one. Customers who were merged away have nothing; those they were
    merged into have it. Every array is of its own: a caller may write to it.
    """

    opened: Opened
    size: int

    @property
    def rolled(self) -> Rolled:
        return self.opened.rolled

    def counts(self, kind: int, span: Span) -> np.ndarray:
        """How often, Int32[size]."""
        return self._sum(kind, span, "n")

    def values(self, kind: int, span: Span) -> np.ndarray:
        """The sum of values in minor units, Int64[size]."""
        return self._sum(kind, span, "value")

    def quantities(self, kind: int, span: Span) -> np.ndarray:
        """The sum of quantities, Int64[size]."""
        return self._sum(kind, span, "quantity")

    def days(self, kind: int, span: Span) -> np.ndarray:
        """On how many calendar days of the workspace's zone, Int32[size]."""
        parts = self._parts(span)
        return distinct_days.count(parts, kind, self._pairs(parts, kind, "first_ts"), self.size)

    def first(self, kind: int, span: Span) -> np.ndarray:
        """When for the first time, Int64[size] in microseconds UTC; NOT_YET if it did not."""
        return self._bound(kind, span, "first_ts")

    def last(self, kind: int, span: Span) -> np.ndarray:
        """When for the last time, Int64[size] in microseconds UTC; NEVER if it did not."""
        return self._bound(kind, span, "last_ts")

    def events(
        self, kind: int, span: Span, columns: Sequence[str]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Events of a stored kind: customers, instants (microseconds UTC) and ``columns`` (Int64,
        0 where the event says nothing), file by file.

        The arrays of the files are kept in memory: for kinds of a few million events.
        """
        for arrays in sealed_events(self.rolled.rows, kind, span, columns):
            customers, *rest = self._known(arrays)
            now = customers if self._places is None else self._places[customers]
            yield (now, *rest)

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
        pairs = [self._known(pair) for pair in found]
        none = np.zeros(0, dtype=np.int64)
        customers = np.concatenate([none, *(pair[0] for pair in pairs)])
        instants = np.concatenate([none, *(pair[1] for pair in pairs)])
        return (customers if self._places is None else self._places[customers]), instants

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

    @cached_property
    def _places(self) -> np.ndarray | None:
        """By id: the customer that it belongs to now; None if nobody was merged."""
        if self._merged is None:
            return None
        places = np.arange(self.size)
        places[self._merged[0]] = self._merged[1]
        return places

    def _parts(self, span: Span) -> Parts:
        return Parts(self.opened, span)

    def _sum(self, kind: int, span: Span, column: str) -> np.ndarray:
        parts = self._parts(span)
        paths = [self.rolled.days[day].rollup for day in parts.days]
        vector = ranges.total(paths, kind, column, self.size)
        self._clear_touched(vector, kind, 0)
        for customers, amounts in self._pairs(parts, kind, column):
            np.add.at(vector, customers, amounts.astype(vector.dtype, copy=False))
        if (merged := self._merged) is not None:
            np.add.at(vector, merged[1], vector[merged[0]])
            vector[merged[0]] = 0
        return vector

    def _bound(self, kind: int, span: Span, column: str) -> np.ndarray:
        parts = self._parts(span)
        paths = [self.rolled.days[day].rollup for day in parts.days]
        is_first = column == "first_ts"
        missing = NOT_YET if is_first else NEVER
        keep: np.ufunc = np.minimum if is_first else np.maximum
        whole = ranges.earliest if is_first else ranges.latest
        vector = whole(paths, kind, self.size)
        self._clear_touched(vector, kind, missing)
        for customers, instants in self._pairs(parts, kind, column):
            keep.at(vector, customers, instants)
        if (merged := self._merged) is not None:
            keep.at(vector, merged[1], vector[merged[0]])
            vector[merged[0]] = missing
        return vector

    def _pairs(self, parts: Parts, kind: int, column: str) -> Iterator[Pair]:
        """What the rolled days do not tell, of ids below ``size``."""
        match kind:
            case Kind.SESSION:
                pairs = parts.sessions(column)
            case Kind.ORDER:
                pairs = parts.orders(column)
            case _:
                pairs = parts.stored(kind, column)
        for pair in pairs:
            customers, amounts = self._known(pair)
            yield customers, amounts

    def _known(self, arrays: Arrays) -> Arrays:
        """The arrays (customers first) without ids from ``size`` on."""
        customers = arrays[0]
        if not customers.size or int(customers.max()) < self.size:
            return arrays
        known = customers < self.size
        return tuple(array[known] for array in arrays)

    def _clear_touched(self, vector: np.ndarray, kind: int, missing: int) -> None:
        """Forget what rollups say of the sessions and orders of touched customers."""
        if kind in {Kind.SESSION, Kind.ORDER} and not self.rolled.touched.is_empty():
            behind = self.rolled.rows.merges.behind(self.rolled.touched).to_numpy()
            vector[behind[behind < self.size]] = missing

    @cached_property
    def _merged(self) -> Pair | None:
        """The ids that were merged away, and into which; None without merges."""
        pairs = self.rolled.rows.merges.frame
        if pairs.is_empty():
            return None
        gone, into = pairs["from_id"].to_numpy(), pairs["into_id"].to_numpy()
        known = (gone < self.size) & (into < self.size)
        return gone[known], into[known]
