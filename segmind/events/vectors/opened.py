"""Sessions that start after the last rolled day: in the present day, mostly.

What the sealed files of the open days say is worked out once per set of files; the recent rows are
put beside it at every question. Whether a session had started on a rolled day is asked of all
session keys of these days, sorted, so that the millions of sessions need not be joined.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from segmind.events import derive, totals
from segmind.events.merges import Merges
from segmind.events.rolled import START_COLUMNS, Rolled
from segmind.events.rows import Rows, scan_files
from segmind.events.schema import EVENT_COLUMNS
from segmind.events.spans import Span
from segmind.events.vectors.known_keys import known_keys
from segmind.events.vectors.sorting import ascending_once

#: Edges whose orders are at hand: a rule asks the same window for several figures.
_WINDOWS: Final = 16
_COLUMNS: Final = ("customer_id", "session_key", "ts", "kind")
_KEY: Final = ("customer_id", "session_key")


@dataclass(frozen=True)
class _Seen:
    """Sealed rows of open days: a row per keyed session, and every event without a session key."""

    keyed: pl.DataFrame  # customer_id (as stored), session_key, ts: the first event
    keyless: pl.DataFrame  # _COLUMNS


@dataclass(frozen=True)
class Opened:
    """The sessions of one snapshot that start after its last rolled day."""

    rolled: Rolled

    @cached_property
    def since(self) -> datetime | None:
        """The end of the last rolled day; None without rolled days."""
        spans = list(self.rolled.spans.values())
        return spans[-1].until if spans else None

    @cached_property
    def starts(self) -> pl.DataFrame:
        """START_COLUMNS of the sessions of customers whom the rollups know rightly, all others'
        left out; as if every event of the snapshot had happened.
        """
        rolled, since = self.rolled, Span(self.since, None)
        seen = self._sealed()
        recent = rolled.rows.recent.lazy().filter(derive.IN_SESSION)
        keyed = pl.concat(
            [seen.keyed.lazy(), _keyed(recent.filter(since.holds(pl.col("ts"))))]
        ).with_columns(rolled.rows.merges.mapped(pl.col("customer_id")))
        firsts = keyed.group_by(_KEY).agg(pl.col("ts").min()).select(*START_COLUMNS).collect()
        keyless = pl.concat([seen.keyless, _keyless(recent).collect()])
        by_gap = _by_gap(keyless, since, rolled.rows.merges)
        return rolled.of_untouched(pl.concat([self._new(firsts), by_gap]).lazy()).collect()

    @cached_property
    def _orders(self) -> dict[tuple[tuple[Span, ...], bool], pl.DataFrame]:
        return {}

    def orders_beside(self, window: Span, edges: Sequence[Span]) -> list[pl.DataFrame]:
        """Addends (ROLLUP_COLUMNS) of the orders in ``window`` that its whole days' rollups do not
        tell: those with lines at these ``edges`` of it, and those of touched customers.

        Windows that end at one moment share the edge after the last rolled day: its lines are put
        together once. What comes of them in a window is kept for its other figures.
        """
        asked = (window, tuple(edges))
        found = self._beside.get(asked)
        if found is None:
            found = self._beside[asked] = self._orders_beside(window, edges)
            while len(self._beside) > _WINDOWS:
                self._beside.pop(next(iter(self._beside)), None)
        return found

    @cached_property
    def _beside(self) -> dict[tuple[Span, tuple[Span, ...]], list[pl.DataFrame]]:
        return {}

    def _orders_beside(self, window: Span, edges: Sequence[Span]) -> list[pl.DataFrame]:
        rolled = self.rolled
        parts = [self._order_parts(edges, None)] if edges else []
        days = [span for span in rolled.spans.values() if window.covers(span)]
        if days and not rolled.touched.is_empty():
            parts.append(self._order_parts(days, rolled.touched))
        return [totals.as_orders(part.lazy(), window).collect() for part in parts]

    def _order_parts(self, spans: Sequence[Span], customers: pl.Series | None) -> pl.DataFrame:
        """``derive.order_parts``, kept."""
        asked = (tuple(spans), customers is None)
        found = self._orders.get(asked)
        if found is None:
            before = None
            if customers is None:
                before = self.rolled.orders_before(spans, listed_on=self._days_with_orders(spans))
            parts = derive.order_parts(self.rolled.rows, spans, customers, elsewhere=before)
            found = self._orders[asked] = parts.collect()
            while len(self._orders) > _WINDOWS:
                self._orders.pop(next(iter(self._orders)), None)
        return found

    def _days_with_orders(self, spans: Sequence[Span]) -> set[date]:
        """The rolled days that may list an order with lines in ``spans``."""
        rolled = self.rolled
        day_of = {rolled.days[day].orders: day for day in rolled.spans}
        keys = derive.order_lines(rolled.rows, spans).select("order_hi").collect()["order_hi"]
        if not day_of or keys.is_empty():
            return set()
        known = known_keys(list(day_of), "order_hi")
        _, paths = known.find(ascending_once(keys.to_numpy()))
        return {day_of[path] for path in paths}

    def _new(self, firsts: pl.DataFrame) -> pl.DataFrame:
        """Those of the keyed sessions that had not started on a rolled day."""
        days = list(self.rolled.spans)
        if not days or firsts.is_empty():
            return firsts
        day_of = {self.rolled.days[day].starts: day for day in days}
        ordered = firsts.sort("session_key")
        asked = ordered["session_key"].to_numpy()
        known, paths = known_keys(list(day_of), "session_key").find(asked)
        if not paths:
            return firsts
        # A key is another session for another customer: the few found are compared whole.
        maybe = ordered.filter(pl.Series(known))
        found = _starts_with(tuple(sorted(paths)), asked[known].tobytes())
        found = found.with_columns(self.rolled.rows.merges.mapped(pl.col("customer_id")))
        before = found.join(maybe, on=_KEY, how="semi")
        return firsts.join(before, on=_KEY, how="anti")

    def _sealed(self) -> _Seen:
        # Half an hour more, in which a keyless session may have begun that goes on.
        horizon = None if self.since is None else Span(self.since - derive.GAP, None)
        files = [
            f.path
            for f in self.rolled.rows.files
            if horizon is None or horizon.meets(f.min_ts, f.max_ts)
        ]
        return _recall(tuple(files), self.since)


@lru_cache(maxsize=8)
def _starts_with(paths: tuple[Path, ...], keys: bytes) -> pl.DataFrame:
    """The rows (START_COLUMNS) of ``session_start`` files with these session keys (Int64): the same
    few of the last hours of yesterday, question after question.
    """
    wanted = pl.Series(np.frombuffer(keys, np.int64))
    rows = pl.scan_parquet(list(paths), glob=False, hive_partitioning=False)
    return rows.filter(pl.col("session_key").is_in(wanted.implode())).collect()


_KEPT: Final = 4
_seen: OrderedDict[tuple[tuple[Path, ...], datetime | None], _Seen] = OrderedDict()
_lock = threading.Lock()


def _recall(files: tuple[Path, ...], since: datetime | None) -> _Seen:
    key = (files, since)
    with _lock:
        if key in _seen:
            _seen.move_to_end(key)
            return _seen[key]
        # Sealing adds a file now and then: what was known of the others need not be read again.
        known = max(
            (k for k in _seen if k[1] == since and set(k[0]) <= set(files)),
            key=lambda k: len(k[0]),
            default=None,
        )
        before = _seen[known] if known else None
    fresh = [path for path in files if known is None or path not in known[0]]
    made = _read(fresh, since)
    if before is not None:
        keyed = pl.concat([before.keyed, made.keyed]).lazy()
        made = _Seen(
            keyed.group_by(_KEY).agg(pl.col("ts").min()).select(*START_COLUMNS).collect(),
            pl.concat([before.keyless, made.keyless]),
        )
    with _lock:
        _seen[key] = made
        while len(_seen) > _KEPT:
            _seen.popitem(last=False)
    return made


def _read(files: list[Path], since: datetime | None) -> _Seen:
    if not files:
        nothing = pl.DataFrame(schema={name: EVENT_COLUMNS[name] for name in _COLUMNS})
        return _Seen(nothing.select(*START_COLUMNS), nothing)
    rows = scan_files(files).select(_COLUMNS).filter(derive.IN_SESSION)
    keyed = _keyed(rows.filter(Span(since, None).holds(pl.col("ts"))))
    firsts, keyless = pl.collect_all([keyed, _keyless(rows)])
    return _Seen(firsts, keyless)


def _keyed(rows: pl.LazyFrame) -> pl.LazyFrame:
    keyed = rows.filter(pl.col("session_key").is_not_null())
    return keyed.group_by(_KEY).agg(pl.col("ts").min()).select(*START_COLUMNS)


def _keyless(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(pl.col("session_key").is_null()).select(_COLUMNS)


def _by_gap(keyless: pl.DataFrame, since: Span, merges: Merges) -> pl.DataFrame:
    """The sessions that events without a key form from ``since`` on."""
    if keyless.is_empty():
        return pl.DataFrame(schema=START_COLUMNS)
    rows = Rows((), keyless, merges)
    return derive.session_starts(rows, [since]).select(*START_COLUMNS).collect()
