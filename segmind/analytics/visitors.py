"""Customers who did something in the shop: no message, no membership."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from segmind.analytics.buckets import buckets_of
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.presence import IN_SHOP, Presence
from segmind.events.spans import Span, day_span, minus

_DAY: Final = timedelta(days=1)
_DAYS_KEPT: Final = 400
_days: OrderedDict[Hashable, pl.DataFrame] = OrderedDict()
_lock = threading.Lock()


def count(facts: Facts, period: Period) -> int:
    """Customers with at least one act in the shop in the period."""
    return Presence(facts.log.rolled).count([Span(period.since, period.until)])


def over_time(facts: Facts, period: Period) -> list[int]:
    """The same for each bucket of the period."""
    if period.grain != "hour":
        presence = Presence(facts.log.rolled)
        return [presence.count(spans) for spans in buckets_of(period).spans()]
    counts = pl.concat([_by_hour(facts, period, span) for span in _days_of(period)])
    summed = counts.group_by("bucket").agg(pl.col("n").sum())
    grid = buckets_of(period).starts.join(summed, on="bucket", how="left").sort("bucket")
    return grid["n"].fill_null(0).to_list()


def _days_of(period: Period) -> Sequence[Span]:
    """The calendar days of the period, the first and the last as far as they lie in it."""
    whole = Span(period.since, period.until)
    spans: list[Span] = []
    day = period.since.astimezone(period.zone).date()
    while True:
        span = day_span(day, period.zone)
        assert span.since is not None
        if span.since >= period.until:
            return spans
        spans += minus(whole, minus(whole, [span]))
        day += _DAY


def _by_hour(facts: Facts, period: Period, span: Span) -> pl.DataFrame:
    """bucket, n: different customers by hour; kept where all is in files."""
    rows = facts.log.rows
    files = [f for f in rows.files if span.meets(f.min_ts, f.max_ts)]
    is_recent = rows.recent.filter(span.holds(pl.col("ts"))).height > 0
    key = (span, period.zone.key, tuple(f.path for f in files), rows.merges.frame.hash_rows().sum())
    with _lock:
        if not is_recent and key in _days:
            _days.move_to_end(key)
            return _days[key]
    acts = rows.scan([span], ["customer_id", "ts", "kind"]).filter(IN_SHOP)
    counted = (
        acts.group_by(period.bucket(pl.col("ts")).alias("bucket"))
        .agg(pl.col("customer_id").n_unique().cast(pl.Int64).alias("n"))
        .collect(engine="streaming")
    )
    if not is_recent:
        with _lock:
            _days[key] = counted
            while len(_days) > _DAYS_KEPT:
                _days.popitem(last=False)
    return counted
