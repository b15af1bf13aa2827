"""What the log says of a past, as it was known then."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations import scan
from segmind.automations.backtest.timeline import Timeline
from segmind.automations.flow import Ask
from segmind.automations.world import act_of
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.segments.acts import ORDER, SESSION, Act, event_code
from segmind.segments.moment import TICK, Moment
from segmind.segments.sources import Sources

MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATE: Final = scan.LOOK_BACK // MICROSECOND
_ROW: Final = ("customer_id", "ts", "known")
#: What is read with a kind in any case: carts ask for it, and one reading is quicker than two.
_ALSO: Final = {int(kind): ("quantity",) for kind in (Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED)}


def micros(instant: datetime) -> int:
    """Microseconds since 1970, as the log counts."""
    return (instant - _EPOCH) // MICROSECOND


def instant(number: int) -> datetime:
    """The instant of so many microseconds."""
    return _EPOCH + timedelta(microseconds=int(number))


class Past:
    """The facts up to ``now``, asked for single times from ``begin`` on (None: all there are).

    An event counts from when it was known: when it arrived. What arrived together with something
    that was more than a day old was imported; with ``imported_as_it_happened`` it counts as if it
    had been known at once, else like everything else: such triggers start nothing.
    """

    def __init__(
        self,
        facts: Facts,
        begin: datetime | None,
        now: datetime,
        *,
        imported_as_it_happened: bool = True,
    ) -> None:
        self.facts = facts
        self.now = now
        self.size = facts.vectors.size
        self._span = Span(begin, now + TICK)
        self._imported_at_once = imported_as_it_happened
        self._names = facts.log.names()
        self._sources = Sources(facts, Moment(now, facts.zone))
        self._timelines: dict[Act, Timeline] = {}
        self._rows: dict[tuple[int, tuple[str, ...]], pl.DataFrame] = {}

    def code(self, event: str) -> int | None:
        """The stored kind behind an event's name; None where the log never saw it."""
        if event == ORDER:
            event = "order_completed"
        return event_code(event, self._names)

    def rows(self, kind: int, *more: str) -> pl.DataFrame:
        """All events of a stored kind, ascending by customer_id, ts and known: these three as
        Int64 (instants in microseconds) and the columns ``more`` (others may come along)."""
        more = tuple(dict.fromkeys((*_ALSO.get(kind, ()), *more)))
        if (kind, more) not in self._rows:
            stopping.check()
            columns = ["customer_id", "ts", "received_at", *more]
            read = self.facts.log.rows.scan([self._span], columns, kinds=[kind]).collect()
            self._rows[kind, more] = self._known(read).sort(_ROW)
        return self._rows[kind, more]

    def timeline(self, act: Act) -> Timeline:
        """Every time that customers did it; an order at its first line."""
        if act not in self._timelines:
            self._timelines[act] = Timeline.of(self._occurrences(act), self.size)
        return self._timelines[act]

    def asked(self, ask: Ask) -> Timeline:
        """Every time that customers did what is asked for."""
        return self.timeline(act_of(ask.event, ask.where, "event"))

    def of_event(self, event: str) -> Timeline:
        """Every time of an event, whatever its fields."""
        return self.timeline(act_of(event, (), "event"))

    def any_of(self, events: Collection[str]) -> list[Timeline]:
        """A timeline for each of the events."""
        return [self.of_event(event) for event in events]

    @property
    def is_customer(self) -> np.ndarray:
        """By id: whether there is such a customer."""
        return self.facts.is_customer

    def people(self, customers: np.ndarray) -> np.ndarray:
        """Each of the customers once, ascending."""
        there = np.zeros(self.size, dtype=np.bool_)
        there[customers] = True
        return np.flatnonzero(there)

    def _occurrences(self, act: Act) -> pl.DataFrame:
        kind = self.code(act.event)
        if kind is None:
            return self._known(_NOTHING)
        if not act.where and act.event not in {ORDER, SESSION}:
            return self.rows(kind)
        found: pl.DataFrame = (
            self._sources.occurrences(act, self._span)
            .to_native()
            .select("customer_id", pl.col("ts").dt.timestamp("us"))
            .collect()
        )
        if act.event == SESSION:
            return found.with_columns(pl.col("ts").alias("known")).sort(_ROW)
        known = self.rows(kind).select(_ROW).unique(["customer_id", "ts"], keep="first")
        return found.join(known, on=["customer_id", "ts"]).select(_ROW).sort(_ROW)

    def _known(self, read: pl.DataFrame) -> pl.DataFrame:
        """With ``known`` instead of ``received_at``, without what is not known yet."""
        late = pl.col("received_at") - pl.col("ts")
        rows = read.with_columns(
            pl.col("ts").dt.timestamp("us"),
            pl.col("received_at").dt.timestamp("us"),
        )
        known = pl.max_horizontal("ts", "received_at")
        if self._imported_at_once:
            bulk = rows.filter(late > _LATE)["received_at"].unique()
            if bulk.len():
                was_imported = pl.col("received_at").is_in(bulk.implode())
                known = pl.when(was_imported).then(pl.col("ts")).otherwise(known)
        return (
            rows.with_columns(known.alias("known"))
            .drop("received_at")
            .filter(pl.col("known") <= micros(self.now))
        )


_NOTHING: Final = pl.DataFrame(
    schema={
        "customer_id": pl.Int64(),
        "ts": pl.Datetime("us", "UTC"),
        "received_at": pl.Datetime("us", "UTC"),
    }
)
