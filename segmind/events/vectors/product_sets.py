"""Customers and the different products that they did something to: which, and how many.

Products have 31-bit numbers of their own, so that customer and product make one integer: a pair.
The pairs of a window's whole days are worked out once and kept, 4 bytes for each and 8 for each
customer; of the window's edges it is kept which rows tell of a pair that the whole days have not.
Ids are as the log was told them: merges are applied to the answer, where a pair counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.events.merges import Merges
from segmind.events.rolled import Rolled
from segmind.events.rows import SealedFile, scan_files
from segmind.events.spans import Span, any_holds
from segmind.events.vectors.columns import CUSTOMER, as_array
from segmind.events.vectors.instants import inside
from segmind.events.vectors.memory import PAIRS, Arrays
from segmind.events.vectors.parts import MOST_EDGE_ROWS, Parts
from segmind.events.vectors.sorting import ascending_once, once

PRODUCT: Final = "product_id"
_BITS: Final = 31
_PRODUCT: Final = 2**_BITS - 1


def pair_of(customers: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Customer and product as one integer each."""
    pairs: np.ndarray = (customers.astype(np.int64) << _BITS) + products
    return pairs


def customers_of(pairs: np.ndarray) -> np.ndarray:
    """The customers of pairs."""
    customers: np.ndarray = pairs >> _BITS
    return customers


@dataclass(frozen=True)
class PairSet:
    """Different pairs in order, without saying a customer more than once."""

    customers: np.ndarray  # ascending
    ends: np.ndarray  # Int64: where each one's products end
    products: np.ndarray  # Int32, ascending for each customer

    @classmethod
    def of(cls, pairs: np.ndarray) -> PairSet:
        """Of different pairs in order."""
        customers = customers_of(pairs)
        is_last = np.ones(customers.size, dtype=np.bool_)
        is_last[:-1] = customers[1:] != customers[:-1]
        last = np.flatnonzero(is_last)
        return cls(customers[last], last + 1, (pairs & _PRODUCT).astype(np.int32))

    def counts(self) -> np.ndarray:
        """How many products each customer has."""
        return np.diff(self.ends, prepend=0)

    def of_customers(self, wanted: np.ndarray) -> np.ndarray:
        """The pairs of these customers (ascending, each once), in order."""
        if not self.customers.size or not wanted.size:
            return np.zeros(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.customers, wanted), self.customers.size - 1)
        at = at[self.customers[at] == wanted]
        counts = self.counts()[at]
        before = np.cumsum(counts) - counts
        rows = np.arange(int(counts.sum())) + np.repeat(self.ends[at] - counts - before, counts)
        return pair_of(np.repeat(self.customers[at], counts), self.products[rows])

    def lacks(self, pairs: np.ndarray) -> np.ndarray:
        """Which of the pairs (in any order, they may repeat) are not in the set."""
        known = self.of_customers(ascending_once(customers_of(pairs)))
        if not known.size:
            return np.ones(pairs.size, dtype=np.bool_)
        # Files have a customer's rows together: the search goes forward, more or less.
        at = np.minimum(np.searchsorted(known, pairs), known.size - 1)
        missing: np.ndarray = known[at] != pairs
        return missing


@dataclass(frozen=True)
class ProductSets:
    """Different products in events of one stored kind in a window, by customer."""

    parts: Parts
    kind: int
    size: int

    @property
    def rolled(self) -> Rolled:
        return self.parts.rolled

    @property
    def is_possible(self) -> bool:
        """Whether rolled days hold most of the window: else its rows are the cheaper way."""
        return sum(file.rows for file in self._edge_files) <= MOST_EDGE_ROWS

    @property
    def is_kept(self) -> bool:
        """Whether there are whole days whose pairs are at hand: none of their events is read."""
        return bool(self._days) and PAIRS.get((self._days, self.kind)) is not None

    def count(self) -> np.ndarray:
        """How many different products, Int64[size]; events without one count for none."""
        whole = self._whole
        counts = np.zeros(self.size, dtype=np.int64)
        known = whole.customers < self.size
        counts[whole.customers[known]] = whole.counts()[known]
        beside = ascending_once(self._beside())
        beside = beside[: np.searchsorted(beside, pair_of(np.array([self.size]), np.array(0))[0])]
        merges = self.rolled.rows.merges
        if merges.frame.is_empty():
            return counts + np.bincount(customers_of(beside), minlength=self.size)
        merged = ascending_once(_ids(merges))
        merged = merged[merged < self.size]
        is_merged = np.isin(customers_of(beside), merged)
        counts += np.bincount(customers_of(beside[~is_merged]), minlength=self.size)
        theirs = np.concatenate([whole.of_customers(merged), beside[is_merged]])
        ids = pl.Series(CUSTOMER, customers_of(theirs)).to_frame()
        now = ids.select(merges.mapped(pl.col(CUSTOMER))).to_series().to_numpy()
        counts[merged] = 0
        different = customers_of(ascending_once(pair_of(now, theirs & _PRODUCT)))
        return counts + np.bincount(different, minlength=self.size)[: self.size]

    @cached_property
    def _whole(self) -> PairSet:
        """The pairs that the rollups of the whole days have seen."""
        return PairSet(*PAIRS.recall((self._days, self.kind), self._read_whole))

    @property
    def _days(self) -> tuple[Path, ...]:
        """What stands for the whole days: no file is ever changed."""
        return tuple(self.rolled.days[day].rollup for day in self.parts.days)

    def _read_whole(self) -> Arrays:
        pairs = [np.zeros(0, dtype=np.int64)]
        for file in self.rolled.rows.files:
            spans = [
                span
                for span in self.parts.days.values()
                if span.meets(file.min_ts, file.max_ts) and self._has_seen(file, span)
            ]
            if spans:
                stopping.check()
                rows = self._rows([file], spans)
                pairs.append(ascending_once(pair_of(*_columns(rows.collect()))))
        every = np.concatenate(pairs)
        every.sort()
        made = PairSet.of(once(every))
        return made.customers, made.ends, made.products

    def _has_seen(self, file: SealedFile, day: Span) -> bool:
        """Whether the rollup of a day knows what the file has of it."""
        unseen = self._unseen.get(file.id, ())
        return not any(span.meets_span(day) for span in unseen)

    @cached_property
    def _unseen(self) -> dict[int, Sequence[Span]]:
        return {file.id: spans for file, spans in self.rolled.unseen if file is not None}

    @cached_property
    def _edge_files(self) -> list[SealedFile]:
        return [
            file
            for file in self.rolled.rows.files
            if any(edge.meets(file.min_ts, file.max_ts) for edge in self.parts.edges)
        ]

    def _beside(self) -> np.ndarray:
        """Pairs that the whole days do not have, from all other rows; they may repeat."""
        found = [np.zeros(0, dtype=np.int64)]
        for file in self._edge_files:
            pairs, instants = self._news_of(file)
            found.append(pairs[inside(instants, self.parts.edges)])
        fresh = _columns(self._fresh())
        pairs = ascending_once(pair_of(*fresh))
        found.append(pairs[self._whole.lacks(pairs)])
        return np.concatenate(found)

    def _news_of(self, file: SealedFile) -> Arrays:
        """The pairs of a file's rows that the whole days do not have, and when; kept."""

        def read() -> Arrays:
            rows = self._rows([file], None).collect()
            pairs, instants = pair_of(*_columns(rows)), as_array(rows["ts"])
            chosen = np.flatnonzero(self._whole.lacks(pairs))
            return pairs[chosen], instants[chosen]

        return PAIRS.recall((self._days, self.kind, file.path), read)

    def _fresh(self) -> pl.DataFrame:
        """Recent rows at the edges, and on the whole days what no rollup has seen."""
        is_ours = (pl.col("kind") == self.kind) & pl.col(PRODUCT).is_not_null()
        at_edges = self.rolled.rows.recent.lazy().filter(
            is_ours, any_holds(self.parts.edges, pl.col("ts"))
        )
        parts = [at_edges.select(CUSTOMER, PRODUCT)]
        if self.parts.days and self.rolled.unseen:
            days = any_holds(list(self.parts.days.values()), pl.col("ts"))
            parts.append(self.rolled.loose.filter(is_ours, days).select(CUSTOMER, PRODUCT))
        return pl.concat(parts).collect()

    def _rows(self, files: Sequence[SealedFile], spans: Sequence[Span] | None) -> pl.LazyFrame:
        rows = scan_files(file.path for file in files).filter(
            pl.col("kind") == self.kind, pl.col(PRODUCT).is_not_null()
        )
        if spans is not None and not all(_covers(spans, file) for file in files):
            rows = rows.filter(any_holds(spans, pl.col("ts")))
        return rows.select(CUSTOMER, PRODUCT, *([] if spans is not None else ["ts"]))


def _covers(spans: Sequence[Span], file: SealedFile) -> bool:
    return any(
        span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts)
        for span in spans
    )


def _columns(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows[CUSTOMER].to_numpy(), rows[PRODUCT].to_numpy()


def _ids(merges: Merges) -> np.ndarray:
    return np.concatenate([merges.frame[name].to_numpy() for name in merges.frame.columns])
