"""What is new in the log for an automation: triggers that may start runs, events that end them.

Each pass looks at events that arrived since the last one (with an overlap for transactions that
commit late), wherever they lie: in recent rows or in sealed files. An event that is found twice
does no harm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from segmind.automations.entry import CART_LIFE, Trigger
from segmind.automations.flow import Ask
from segmind.automations.triggers import EventTrigger, SegmentTrigger
from segmind.automations.world import FactsWorld, act_of
from segmind.events.schema import UTC_INSTANT, Kind
from segmind.events.spans import Span
from segmind.segments.acts import Act

#: Events that happened longer ago than this start no run, however late they arrive: nobody wants to
#: hear today about the cart of the day before yesterday.
LOOK_BACK = timedelta(hours=24)
#: Events arrive in the order of their transactions' ends, not of their stamps.
OVERLAP = timedelta(minutes=10)


#: What is kept of an event that was decided about.
JUDGED: Final = {"event_hi": pl.Int64(), "event_lo": pl.Int64(), "received_at": UTC_INSTANT}


@dataclass(frozen=True, slots=True)
class News:
    """Which events are looked at: those that happened at ``since`` or later and arrived after
    ``seen_to``. ``read``: sealed files (by id) that this process has looked through before; what
    arrived since then lies in others, or in recent rows. ``judged``: events (event_hi, event_lo)
    that it has decided about: an entry filter is asked when a trigger is seen first, and not again
    until it is met."""

    since: datetime
    seen_to: datetime
    read: frozenset[int] = frozenset()
    judged: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=JUDGED))

    def rows(self, world: FactsWorld, code: int, *more: str) -> pl.LazyFrame:
        """customer_id, ts, received_at and ``more`` of the new events of a kind."""
        rows = world.facts.log.rows
        unread = replace(rows, files=tuple(f for f in rows.files if f.id not in self.read))
        columns = ["customer_id", "ts", "received_at", *more]
        found = unread.scan([Span(self.since, world.horizon)], columns, kinds=[code])
        return found.filter(pl.col("received_at") > self.seen_to)


def triggers(
    world: FactsWorld, trigger: EventTrigger | SegmentTrigger, news: News
) -> tuple[list[Trigger], pl.DataFrame]:
    """New events that match, only of customers who are there; and all that were looked at, as
    JUDGED has them."""
    if isinstance(trigger, SegmentTrigger):
        entered = trigger.moves == "entered"
        code = int(Kind.SEGMENT_ENTERED if entered else Kind.SEGMENT_LEFT)
        rows = news.rows(world, code, "event_hi", "event_lo", "source_id")
        found = rows.filter(pl.col("source_id") == trigger.segment_id).collect()
        return _as_triggers(_present(world, _new(found, news))), found.select(list(JUDGED))
    act = act_of(trigger.event, trigger.where, "trigger")
    known = code_of(world, act)
    if known is None:
        return [], news.judged.clear()
    rows = news.rows(world, known, "event_hi", "event_lo", "order_key", "session_key")
    looked_at = rows.collect()
    found = _present(world, _new(looked_at, news))
    if act.where and not found.is_empty():
        first: datetime = found["ts"].min()  # type: ignore[assignment]
        fitting = world.occurrences(act, first, found["customer_id"].unique())
        found = found.join(fitting, on=["customer_id", "ts"], how="semi")
    return _as_triggers(found), looked_at.select(list(JUDGED))


def _new(found: pl.DataFrame, news: News) -> pl.DataFrame:
    return found.join(news.judged, on=["event_hi", "event_lo"], how="anti")


def _present(world: FactsWorld, found: pl.DataFrame) -> pl.DataFrame:
    if found.is_empty():
        return found
    people = world.people(found["customer_id"].unique().to_list())
    return found.join(people, on="customer_id", how="semi")


def _as_triggers(found: pl.DataFrame) -> list[Trigger]:
    return [
        Trigger(
            customer_id=row["customer_id"],
            at=row["ts"],
            event_id=f"{row['event_hi']:x}:{row['event_lo']:x}",
            order_key=row.get("order_key"),
            session_key=row.get("session_key"),
            known=row["received_at"],
        )
        for row in found.iter_rows(named=True)
    ]


def customers_who(world: FactsWorld, asks: Collection[Ask], news: News) -> set[int]:
    """Customers of whom one of these events is new.

    The comparisons of the asks are left out: this only narrows down whom to look at closely.
    """
    found: set[int] = set()
    for name in {ask.event for ask in asks}:
        code = code_of(world, act_of(name, (), "event"))
        if code is not None:
            rows = news.rows(world, code).select("customer_id").unique()
            found |= set(rows.collect()["customer_id"])
    return found


def orders_of(
    world: FactsWorld, customers: Collection[int], first: datetime
) -> dict[int, list[datetime]]:
    """Instants of the customers' order lines, ascending, from CART_LIFE before ``first`` on."""
    rows = world.facts.log.events(
        kinds=[Kind.ORDER_COMPLETED],
        since=first - CART_LIFE,
        until=world.horizon,
        columns=["customer_id", "ts"],
    )
    mine = rows.filter(pl.col("customer_id").is_in(list(customers))).sort("ts").collect()
    found: dict[int, list[datetime]] = {}
    for customer_id, at in mine.iter_rows():
        found.setdefault(customer_id, []).append(at)
    return found


def code_of(world: FactsWorld, act: Act) -> int | None:
    """The stored kind behind an act: an order is found by its lines."""
    if act.event == "order":
        return int(Kind.ORDER_COMPLETED)
    return world.facts.log.names().get(act.event)
