"""What is new in the log for an automation: triggers that may start runs, events that end them.

Each pass looks at events that arrived since the last one (with an overlap for transactions that
commit late), wherever they lie: in recent rows or in sealed files. An event that is found twice
does no harm.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import polars as pl

from segmind.automations.entry import CART_LIFE, Trigger
from segmind.automations.walk import Ask
from segmind.automations.world import FactsWorld, act_of
from segmind.events.schema import Kind
from segmind.segments.acts import Act

#: Events that happened longer ago than this start no run, however late they arrive: nobody wants to
#: hear today about the cart of the day before yesterday.
LOOK_BACK = timedelta(hours=24)
#: Events arrive in the order of their transactions' ends, not of their stamps.
OVERLAP = timedelta(minutes=10)


def triggers(
    world: FactsWorld,
    event: str,
    where: Collection[dict[str, object]],
    since: datetime,
    seen_to: datetime,
) -> list[Trigger]:
    """Events that match and happened at ``since`` or later, of those that arrived after
    ``seen_to``; only of customers who are there."""
    act = act_of(event, tuple(where), "trigger")
    code = _code(world, act)
    if code is None:
        return []
    rows = _arrived(world, code, since, seen_to, ("event_hi", "event_lo", "order_key"))
    people = world.facts.customers.select("customer_id")
    rows = rows.join(people, on="customer_id", how="semi")
    found = rows.collect()
    if act.where and not found.is_empty():
        first: datetime = found["ts"].min()  # type: ignore[assignment]
        fitting = world.occurrences(act, first, found["customer_id"].unique())
        found = found.join(fitting, on=["customer_id", "ts"], how="semi")
    return [
        Trigger(
            customer_id=row["customer_id"],
            at=row["ts"],
            event_id=f"{row['event_hi']:x}:{row['event_lo']:x}",
            order_key=row["order_key"],
        )
        for row in found.iter_rows(named=True)
    ]


def customers_who(
    world: FactsWorld, asks: Collection[Ask], seen_to: datetime, since: datetime
) -> set[int]:
    """Customers to whom one of these events happened, of those that arrived after ``seen_to``.

    The comparisons of the asks are left out: this only narrows down whom to look at closely.
    """
    found: set[int] = set()
    for name in {ask.event for ask in asks}:
        code = _code(world, act_of(name, (), "event"))
        if code is not None:
            rows = _arrived(world, code, since, seen_to, ())
            found |= set(rows.select("customer_id").unique().collect()["customer_id"])
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


def _code(world: FactsWorld, act: Act) -> int | None:
    """The stored kind behind an act: an order is found by its lines, a session by nothing."""
    if act.event == "order":
        return int(Kind.ORDER_COMPLETED)
    return world.facts.log.names().get(act.event)


def _arrived(
    world: FactsWorld, code: int, since: datetime, seen_to: datetime, more: Collection[str]
) -> pl.LazyFrame:
    columns = ["customer_id", "ts", "received_at", *more]
    rows = world.facts.log.events(kinds=[code], since=since, until=world.horizon, columns=columns)
    return rows.filter(pl.col("received_at") > seen_to)
