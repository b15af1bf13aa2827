"""Engagement: what became of the messages of a period.

A message counts once in each column, in the bucket of its first such receipt in the period. Opens
and clicks are human ones; those that a machine made stand apart and are never mixed in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics import receipt_book
from segmind.analytics.buckets import buckets_of
from segmind.analytics.definition import Definition
from segmind.analytics.instants import micros
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS, Receipts, rows_of
from segmind.analytics.which import Which
from segmind.customers.facts import Facts

Ints = NDArray[np.int64]
#: Codes up to here are counted in an array, more of them by sorting.
_DENSE: Final = 5_000_000
#: Receipts that are counted again at every question, and periods that are kept of more.
_FEW: Final = 50_000
_MOST_KEPT: Final = 24
_counted: Final[WeakKeyDictionary[Receipts, OrderedDict[tuple[Period, bool], pl.DataFrame]]] = (
    WeakKeyDictionary()
)
_lock: Final = threading.Lock()


def over_time(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per bucket and channel: bucket Datetime("us") local, channel Int8, METRICS Int64.

    Buckets without messages are there with zeros, for each channel that the period has.
    """
    starts = buckets_of(period).starts
    counted = _count(facts, period, which, ["bucket", "channel"])
    grid = starts.join(counted.select("channel").unique(), how="cross")
    filled = grid.join(counted, on=["bucket", "channel"], how="left", nulls_equal=True)
    return filled.with_columns(pl.col(list(METRICS)).fill_null(0)).sort("bucket", "channel")


def by_channel(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per channel that the period has: channel Int8, METRICS Int64."""
    return _count(facts, period, which, ["channel"]).sort("channel")


def by_source(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per campaign, automation or single message: source_kind Int8, source_id Int64,
    channel Int8, METRICS Int64; most sent first."""
    counted = _count(facts, period, which, ["source_kind", "source_id", "channel"])
    return counted.sort("sent", "source_kind", "source_id", descending=[True, False, False])


def totals(facts: Facts, period: Period, which: Which | None = None) -> dict[str, int]:
    """METRICS over the whole period."""
    counted = by_channel(facts, period, which).select(list(METRICS)).sum()
    return {name: int(counted[name].item() or 0) for name in METRICS}


def definition(period: Period) -> Definition:
    """What the figures mean."""
    return Definition(
        what="Messages, each counted once by column. Opens and clicks are human; machine ones "
        "stand apart.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}",
        start_point="the instant that the receipt reports",
        tie_break="the first such receipt of a message in the period",
        zone=period.zone.key,
        as_of=period.until,
    )


def _count(facts: Facts, period: Period, which: Which | None, keys: list[str]) -> pl.DataFrame:
    """METRICS by ``keys`` (bucket, channel, source_kind, source_id), where there are any."""
    by_bucket = "bucket" in keys
    parts = [
        _kept_first_receipts(receipts, period, by_bucket).with_columns(pl.col("n") * sign)
        for sign, receipts in receipt_book.book(facts).parts
    ]
    counts = [
        pl.col("n").filter(pl.col("metric") == number).sum().alias(name)
        for number, name in enumerate(METRICS)
    ]
    rows = pl.concat(parts).filter(_is_one_of(which or Which()))
    counted = rows.group_by(keys).agg(counts)
    return counted.filter(pl.any_horizontal(pl.col(list(METRICS)) != 0))


def _kept_first_receipts(receipts: Receipts, period: Period, by_bucket: bool) -> pl.DataFrame:
    """``_first_receipts``, of the many settled ones once: they stay while others come in."""
    if receipts.ts.size < _FEW:
        return _first_receipts(receipts, period, by_bucket)
    with _lock:
        kept = _counted.setdefault(receipts, OrderedDict())
        found = kept.get((period, by_bucket))
    if found is None:
        found = _first_receipts(receipts, period, by_bucket)
        with _lock:
            kept[period, by_bucket] = found
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
    return found


def _first_receipts(receipts: Receipts, period: Period, by_bucket: bool) -> pl.DataFrame:
    """How many messages had their first receipt of the period, by who made them: metric Int64,
    n Int64, channel, source_kind, source_id, and bucket (null unless ``by_bucket``)."""
    buckets = buckets_of(period)
    within, bucket = buckets.rows(receipts.ts)
    is_first = receipts.before[within] < micros(period.since)
    code = receipts.maker[within][is_first] * np.int64(len(METRICS))
    code += receipts.metric[within][is_first]
    size = max(1, receipts.makers.height) * len(METRICS)
    if by_bucket:
        code += bucket[is_first] * size
    codes, n = _counts_of(code, size * (buckets.count if by_bucket else 1))
    when = buckets.starts["bucket"].gather(codes // size)
    told = pl.DataFrame({"metric": codes % len(METRICS), "n": n, "bucket": when})
    return told.hstack(rows_of(receipts.makers, codes % size // len(METRICS)))


def _counts_of(codes: Ints, largest: int) -> tuple[Ints, Ints]:
    """The different codes and how often each is there."""
    if largest > _DENSE:
        return np.unique(codes, return_counts=True)
    counted = np.bincount(codes, minlength=largest)
    found = np.flatnonzero(counted)
    return found, counted[found].astype(np.int64)


def _is_one_of(which: Which) -> pl.Expr:
    pairs = (("channel", which.channel), ("source_kind", which.source),
             ("source_id", which.source_id))  # fmt: skip
    wanted = [pl.col(name) == int(value) for name, value in pairs if value is not None]
    return pl.all_horizontal(wanted) if wanted else pl.repeat(True, pl.len())
