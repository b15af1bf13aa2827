"""Which triggers of a past may start runs: found, and filtered as of when they were known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations import dates, scan
from segmind.automations.backtest.asking import Asking
from segmind.automations.backtest.ending import first_end
from segmind.automations.backtest.past import MICROSECOND, Past, instant, micros
from segmind.automations.definition import Definition
from segmind.automations.entry import CART_LIFE
from segmind.automations.triggers import DateTrigger, EventTrigger, ScheduleTrigger, SegmentTrigger
from segmind.automations.wall_clock import occurrences
from segmind.automations.world import FactsWorld, act_of
from segmind.events.schema import Kind
from segmind.events.spans import start_of

_CART_LIFE: Final = CART_LIFE // MICROSECOND
_LOOK_BACK: Final = scan.LOOK_BACK // MICROSECOND


@dataclass(frozen=True)
class Found:
    """Triggers, in the order in which the engine would look at them: by customer, then as they
    became known. ``at`` and ``known`` are microseconds; ``key``: what tells runs apart beside the
    customer (a number for each different one); ``names``: the entry keys, where made from ids."""

    customers: np.ndarray
    at: np.ndarray
    known: np.ndarray
    key: np.ndarray
    names: pl.Series | None = None

    @property
    def size(self) -> int:
        return int(self.customers.size)

    def take(self, rows: np.ndarray) -> Found:
        """These rows of them."""
        names = None if self.names is None else self.names.gather(rows)
        return Found(self.customers[rows], self.at[rows], self.known[rows], self.key[rows], names)

    def entry_keys(self, definition: Definition) -> pl.Series:
        """The keys that the engine gives to their runs."""
        if definition.key == "customer" and definition.re_entry.mode == "never":
            return pl.Series(["once"] * self.size, dtype=pl.String())
        if self.names is not None:
            return self.names
        named = pl.format(f"{definition.key}:{{}}", "at").alias("name")
        return pl.DataFrame({"at": self.at}).select(named)["name"]


@dataclass
class Dropped:
    """Triggers that started nothing, by why."""

    too_late: int = 0
    overtaken: int = 0
    filtered: int = 0


@dataclass(frozen=True)
class Period:
    """Triggers in ``[since, until)``."""

    since: datetime
    until: datetime

    @property
    def bounds(self) -> tuple[int, int]:
        return micros(self.since), micros(self.until)


@dataclass
class Starting:
    """The triggers of one definition in a period of a past."""

    definition: Definition
    past: Past
    asking: Asking
    period: Period
    world: FactsWorld
    dropped: Dropped = field(default_factory=Dropped)
    #: Until when a segment's moves are told by days; None: by its refreshes, or there are none.
    by_days_until: datetime | None = None

    def found(self) -> Found:
        """Triggers that may start runs: known within a day, of customers who are there, not yet
        overtaken by what would end the run, and meeting the entry filter when they were known."""
        found = self._triggers()
        found = found.take(np.flatnonzero(self.past.is_customer[found.customers]))
        late = found.known - found.at > _LOOK_BACK
        self.dropped.too_late = int(late.sum())
        found = found.take(np.flatnonzero(~late))
        ended = first_end(self.past, self.definition, found.customers, found.at)[0]
        overtaken = ended <= found.known
        self.dropped.overtaken = int(overtaken.sum())
        found = found.take(np.flatnonzero(~overtaken))
        rule = self.definition.entry_filter
        if rule is not None and not isinstance(self.definition.trigger, ScheduleTrigger):
            meets = self.asking.holds(rule, found.customers, found.known)
            self.dropped.filtered = int((~meets).sum())
            found = found.take(np.flatnonzero(meets))
        return found

    def _triggers(self) -> Found:
        trigger = self.definition.trigger
        if isinstance(trigger, EventTrigger):
            return self._of_event(trigger)
        if isinstance(trigger, SegmentTrigger):
            return self._of_segment(trigger)
        if isinstance(trigger, DateTrigger):
            # The engine looks at (after, until]; a period holds its first instant, not its last.
            begun = self.period.since - MICROSECOND
            come = dates.come(self.world, trigger, begun, self.period.until - MICROSECOND)
            return _occasions([(t.customer_id, micros(t.at), t.occasion or "") for t in come])
        return self._of_schedule(trigger)

    def _of_event(self, trigger: EventTrigger) -> Found:
        act = act_of(trigger.event, trigger.where, "trigger")
        kind = self.past.code(trigger.event)
        if kind is None:
            return _occasions([])
        definition = self.definition
        more = {
            "event": ("event_hi", "event_lo"),
            "order": ("event_hi", "event_lo", "order_key", "session_key"),
        }.get(definition.key, ())
        rows = self._in_period(self.past.rows(kind, *more))
        if act.where:
            such = self.past.timeline(act)
            fits = such.first_from(rows["customer_id"].to_numpy(), rows["ts"].to_numpy())
            is_there = such.is_at(fits, rows["customer_id"].to_numpy(), rows["ts"].to_numpy())
            rows = rows.filter(pl.Series(is_there))
        return _of_rows(rows, definition.key)

    def _in_period(self, rows: pl.DataFrame) -> pl.DataFrame:
        since, until = self.period.bounds
        return rows.filter(pl.col("ts") >= since, pl.col("ts") < until)

    def _of_segment(self, trigger: SegmentTrigger) -> Found:
        """By the segment's refreshes; before the first of them by its rule, asked at the beginning
        of each calendar day."""
        key = self.definition.key
        more = ("event_hi", "event_lo") if key == "event" else ()
        entered, left = (
            self.past.rows(int(kind), *more, "source_id").filter(
                pl.col("source_id") == trigger.segment_id
            )
            for kind in (Kind.SEGMENT_ENTERED, Kind.SEGMENT_LEFT)
        )
        told = self._in_period(entered if trigger.moves == "entered" else left)
        first = min((int(r["ts"].min()) for r in (entered, left) if r.height), default=None)  # type: ignore[arg-type]
        live = _of_rows(told, key)
        begins = self.past.now if first is None else instant(first)
        before = _occasions(list(self._by_days(trigger, min(begins, self.period.until))))
        if not before.size:
            return live
        self.by_days_until = begins
        return _together(before, live, key)

    def _by_days(self, trigger: SegmentTrigger, until: datetime) -> Iterator[tuple[int, int, str]]:
        rule = {"type": "in_segment", "segment_id": trigger.segment_id}
        zone = self.past.facts.zone
        day = self.period.since.astimezone(zone).date()
        members = self.world.matching_at(rule, self.period.since)
        while (at := start_of(day := day + timedelta(days=1), zone)) < until:
            stopping.check()
            now = self.world.matching_at(rule, at)
            moved = now - members if trigger.moves == "entered" else members - now
            members = now
            yield from ((who, micros(at), f"customer:{micros(at)}") for who in moved)

    def _of_schedule(self, trigger: ScheduleTrigger) -> Found:
        rule = self.definition.entry_filter
        assert rule is not None  # the definition sees to it
        since = self.period.since - MICROSECOND
        last = min(self.period.until - MICROSECOND, self.past.now)
        found = []
        for at in occurrences(trigger, since, last, self.past.facts.zone):
            stopping.check()
            name = f"at:{at.isoformat()}"
            found += [(who, micros(at), name) for who in self.world.matching_at(rule, at)]
        return _occasions(found)


def _of_rows(rows: pl.DataFrame, key: str) -> Found:
    """Events as triggers: by customer, as they became known, at one instant by id."""
    names = key_numbers = None
    if key in {"event", "order"}:
        named = rows.with_columns(pl.Series("event", _event_ids(rows)))
        if key == "event":
            named = named.with_columns(pl.format("event:{}", "event").alias("name"))
        elif "order_key" not in named.columns:
            named = named.with_columns(pl.format("order:{}", "ts").alias("name"))
        else:
            named = named.with_columns(
                pl.coalesce(
                    pl.format("order:{}", "order_key"),
                    pl.format("order:session:{}", "session_key"),
                    pl.format("order:{}", "ts"),
                ).alias("name")
            )
        rows = named.sort("customer_id", "known", "ts", "event")
        names = rows["name"]
        key_numbers = names.rank("dense").to_numpy().astype(np.int64)
    else:
        rows = rows.sort("customer_id", "known", "ts")
    at = rows["ts"].to_numpy()
    return Found(
        rows["customer_id"].to_numpy(),
        at,
        rows["known"].to_numpy(),
        at if key_numbers is None else key_numbers,
        names,
    )


def _event_ids(rows: pl.DataFrame) -> list[str]:
    pairs = zip(rows["event_hi"].to_list(), rows["event_lo"].to_list(), strict=True)
    return [f"{hi:x}:{lo:x}" for hi, lo in pairs]


def _together(one: Found, other: Found, key: str) -> Found:
    """Both, in the order in which the engine would look at them."""
    both = pl.concat([_framed(one, key), _framed(other, key)]).sort("customer_id", "known", "at")
    names = both["name"]
    keys = names.rank("dense").cast(pl.Int64).to_numpy()
    customers, at, known = (both[name].to_numpy() for name in ("customer_id", "at", "known"))
    return Found(customers, at, known, keys, names)


def _framed(found: Found, key: str) -> pl.DataFrame:
    plain = pl.format(f"{key}:{{}}", "at")
    frame = pl.DataFrame(
        {"customer_id": found.customers, "at": found.at, "known": found.known},
        schema={"customer_id": pl.Int64(), "at": pl.Int64(), "known": pl.Int64()},
    )
    name = plain if found.names is None else pl.Series("name", found.names, dtype=pl.String())
    return frame.with_columns(name.alias("name"))


def _occasions(found: list[tuple[int, int, str]]) -> Found:
    """Days and times of schedules as triggers, known as they come."""
    rows = pl.DataFrame(
        found,
        schema={"customer_id": pl.Int64(), "ts": pl.Int64(), "name": pl.String()},
        orient="row",
    ).sort("customer_id", "ts", "name")
    at = rows["ts"].to_numpy()
    keys = rows["name"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    return Found(rows["customer_id"].to_numpy(), at, at, keys, rows["name"])


def moments(numbers: np.ndarray) -> list[datetime]:
    """Microseconds as instants."""
    return [instant(number) for number in numbers.tolist()]
