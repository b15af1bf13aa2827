"""How many sessions did what in a period: closed days as they are kept, all other rows anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from segmind.analytics.period import Period
from segmind.analytics.session_days import ACT_COLUMNS, MASKS, Day, Days, Ints, acts_of
from segmind.customers.facts import Facts
from segmind.events.log import LogSnapshot
from segmind.events.rows import SealedFile, scan_files
from segmind.events.spans import Span, day_span, minus

_DAY: Final = timedelta(days=1)
_ZONES_KEPT: Final = 2
_FILES_KEPT: Final = 128
_days: OrderedDict[tuple[str, str], Days] = OrderedDict()
_files: OrderedDict[tuple[Path, Span], pl.DataFrame] = OrderedDict()
_lock = threading.Lock()


def by_mask(facts: Facts, period: Period) -> Ints:
    """How many sessions with an act in the period did what: 16 numbers, by the sum of their BITS.

    A session is a customer's session id; acts without one belong to none. What it did in the
    period counts, wherever else it began or went on.
    """
    log, window = facts.log, Span(period.since, period.until)
    spans = _closed(log, window)
    days = _known(log, spans)
    fresh = _fresh(log, window, list(spans.values()))
    rows = days.told_with(np.unique(fresh["session_key"].to_numpy()))
    rows = rows.filter(pl.col("day").is_in(list(spans)))
    counts = np.zeros(MASKS, np.int64)
    for day in spans:
        counts += days.counts[day]
    counts -= np.bincount(rows["mask"].to_numpy(), minlength=MASKS)
    together = pl.concat([rows.select(ACT_COLUMNS.keys()), fresh])
    mapped = log.rows.merges.mapped(pl.col("customer_id"))
    merged = (
        together.lazy()
        .group_by(mapped, "session_key")
        .agg(pl.col("mask").bitwise_or())
        .select("mask")
        .collect()
    )
    return counts + np.bincount(merged["mask"].to_numpy(), minlength=MASKS)


def _closed(log: LogSnapshot, window: Span) -> dict[date, Span]:
    """The calendar days in the window as a whole that have sealed rows, without the newest."""
    newest = max((_date(f.max_ts, log.zone) for f in log.rows.files), default=date.min)
    found: dict[date, Span] = {}
    for file in log.rows.files:
        day = _date(file.min_ts, log.zone)
        while day <= _date(file.max_ts, log.zone):
            if day < newest and day not in found and window.covers(span := day_span(day, log.zone)):
                found[day] = span
            day += _DAY
    return dict(sorted(found.items()))


def _known(log: LogSnapshot, spans: dict[date, Span]) -> Days:
    """At least the days of ``spans``, each read again only when its files changed."""
    store = log.rows.files[0].path.parents[2].as_posix() if log.rows.files else ""
    key = (store, log.zone.key)
    with _lock:
        before = _days.get(key)
        wanted = dict(spans)
        for day in before.days if before else ():
            wanted.setdefault(day, day_span(day, log.zone))
        fitting: dict[date, Day] = {}
        for day, span in sorted(wanted.items()):
            paths = tuple(f.path for f in log.rows.files if span.meets(f.min_ts, f.max_ts))
            known = before.days.get(day) if before else None
            if known is not None and known.paths == paths:
                fitting[day] = known
            elif day in spans:
                fitting[day] = Day.read(paths, span)
        if before is None or fitting != before.days:
            before = _days[key] = Days(fitting, before)
        _days.move_to_end(key)
        while len(_days) > _ZONES_KEPT:
            _days.popitem(last=False)
        return before


def _fresh(log: LogSnapshot, window: Span, closed: list[Span]) -> pl.DataFrame:
    """ACT_COLUMNS of what closed days do not tell; a session may have several rows."""
    parts = [
        _of_file(file, span)
        for span in minus(window, closed)
        for file in log.rows.files
        if span.meets(file.min_ts, file.max_ts)
    ]
    recent = log.rows.recent.lazy().filter(window.holds(pl.col("ts")))
    return pl.concat([*parts, acts_of(recent)])


def _of_file(file: SealedFile, span: Span) -> pl.DataFrame:
    if span.meets(file.min_ts, file.min_ts) and span.meets(file.max_ts, file.max_ts):
        span = Span()
    with _lock:
        if (file.path, span) in _files:
            _files.move_to_end((file.path, span))
            return _files[file.path, span]
    made = acts_of(scan_files([file.path]).filter(span.holds(pl.col("ts"))))
    with _lock:
        _files[file.path, span] = made
        while len(_files) > _FILES_KEPT:
            _files.popitem(last=False)
    return made


def _date(instant: object, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()  # type: ignore[attr-defined,no-any-return]
