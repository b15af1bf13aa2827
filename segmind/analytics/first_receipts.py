"""First receipts of a period: each message once for each metric, told apart by who made it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from segmind.analytics import receipt_book
from segmind.analytics.buckets import buckets_of
from segmind.analytics.customer_numbers import Ints, is_among
from segmind.analytics.instants import micros
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS, Receipts, rows_of
from segmind.analytics.which import Which
from segmind.customers.facts import Facts

#: Codes up to here are counted in an array, more of them by sorting.
_DENSE: Final = 5_000_000
#: Receipts that are counted again at every question, and periods that are kept of more.
_FEW: Final = 50_000
_MOST_KEPT: Final = 24
_counted: Final[WeakKeyDictionary[Receipts, OrderedDict[tuple[Period, bool], pl.DataFrame]]] = (
    WeakKeyDictionary()
)
_lock: Final = threading.Lock()


def tally(facts: Facts, period: Period, which: Which, *, by_bucket: bool = False) -> pl.DataFrame:
    """First receipts counted: n Int64 (below 0: taken away again), metric Int64 (number in
    METRICS), channel, source_kind, source_id, and bucket (meaningless unless ``by_bucket``)."""
    if which.customers is None:
        parts = [
            _kept(receipts, period, by_bucket).with_columns(pl.col("n") * sign)
            for sign, receipts in receipt_book.book(facts).parts
        ]
    else:
        parts = [
            firsts.tallied(sign)
            for sign, firsts in first(facts, period, which, by_bucket=by_bucket)
        ]
    return pl.concat(parts).filter(is_one_of(which))


def first(
    facts: Facts, period: Period, which: Which, *, by_bucket: bool = False
) -> list[tuple[int, FirstReceipts]]:
    """First receipts of messages to the customers asked about, each part with its sign."""
    parts = [
        (sign, FirstReceipts.of(receipts, period, by_bucket=by_bucket))
        for sign, receipts in receipt_book.book(facts).parts
    ]
    if which.customers is None:
        return parts
    own = behind(facts, which.customers)
    return [(sign, firsts.told_to(own)) for sign, firsts in parts]


def behind(facts: Facts, customers: pl.Series) -> Ints:
    """These customers' ids in the files: their own, and of those merged into them."""
    return facts.log.rows.merges.behind(customers.cast(pl.Int64)).to_numpy()


def is_one_of(which: Which) -> pl.Expr:
    """Of rows with channel, source_kind and source_id, those that are asked about."""
    pairs = (("channel", which.channel), ("source_kind", which.source),
             ("source_id", which.source_id))  # fmt: skip
    wanted = [pl.col(name) == int(value) for name, value in pairs if value is not None]
    return pl.all_horizontal(wanted) if wanted else pl.repeat(True, pl.len())


def _kept(receipts: Receipts, period: Period, by_bucket: bool) -> pl.DataFrame:
    """First receipts tallied, of the many settled ones once: they stay while others come in."""
    if receipts.ts.size < _FEW:
        return FirstReceipts.of(receipts, period, by_bucket=by_bucket).tallied()
    with _lock:
        kept = _counted.setdefault(receipts, OrderedDict())
        found = kept.get((period, by_bucket))
    if found is None:
        found = FirstReceipts.of(receipts, period, by_bucket=by_bucket).tallied()
        with _lock:
            kept[period, by_bucket] = found
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
    return found


@dataclass(frozen=True, eq=False)
class FirstReceipts:
    """Receipts of a period that are the first of their message there.

    ``at``: their places in the book. ``code``: bucket (0 unless asked for), maker and metric in
    one number.
    """

    receipts: Receipts
    starts: pl.DataFrame  # of buckets
    buckets: int
    at: Ints
    code: Ints

    @classmethod
    def of(cls, receipts: Receipts, period: Period, *, by_bucket: bool = False) -> FirstReceipts:
        buckets = buckets_of(period)
        within, bucket = buckets.rows(receipts.ts)
        is_first = receipts.before[within] < micros(period.since)
        code = receipts.maker[within][is_first] * np.int64(len(METRICS))
        code += receipts.metric[within][is_first]
        if by_bucket:
            code += bucket[is_first] * _size(receipts)
        at = np.flatnonzero(is_first) + within.start
        return cls(receipts, buckets.starts, buckets.count if by_bucket else 1, at, code)

    def told_to(self, customers: Ints) -> FirstReceipts:
        """Only those of messages to these customers."""
        mine = is_among(self.receipts.customer[self.at], customers)
        return replace(self, at=self.at[mine], code=self.code[mine])

    def each(self, sign: int) -> pl.DataFrame:
        """One by one, as ``tallied`` but with message_id and without bucket."""
        maker, metric = np.divmod(self.code % _size(self.receipts), len(METRICS))
        told = {"message_id": self.receipts.message[self.at], "metric": metric}
        rows = pl.DataFrame(told).with_columns(n=pl.lit(sign, pl.Int64))
        return rows.hstack(rows_of(self.receipts.makers, maker))

    def tallied(self, sign: int = 1) -> pl.DataFrame:
        """How many by who made them: metric Int64, n Int64, bucket, channel, source_kind,
        source_id."""
        size = _size(self.receipts)
        codes, n = _counts_of(self.code, size * self.buckets)
        when = self.starts["bucket"].gather(codes // size)
        told = pl.DataFrame({"metric": codes % len(METRICS), "n": n * sign, "bucket": when})
        return told.hstack(rows_of(self.receipts.makers, codes % size // len(METRICS)))


def _size(receipts: Receipts) -> int:
    return max(1, receipts.makers.height) * len(METRICS)


def _counts_of(codes: Ints, largest: int) -> tuple[Ints, Ints]:
    """The different codes and how often each is there."""
    if largest > _DENSE:
        return np.unique(codes, return_counts=True)
    counted = np.bincount(codes, minlength=largest)
    found = np.flatnonzero(counted)
    return found, counted[found].astype(np.int64)
