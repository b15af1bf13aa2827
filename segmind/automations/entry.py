"""Which triggers start a run: keys, re-entry, and one run for one cart. Pure: no database."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from segmind.automations.definition import Definition, ReEntry

#: A cart ends with an order, or this long after the addition that began its run.
CART_LIFE = timedelta(days=7)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What may start a run: an event, or an occasion (a day, a time of a schedule) by its name.
    ``known``: when it was learnt of; None: at once."""

    customer_id: int
    at: datetime
    event_id: str
    order_key: int | None = None
    session_key: int | None = None
    occasion: str | None = None
    known: datetime | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that there is already; ``left_at`` is None while it is under way."""

    triggered_at: datetime
    entry_key: str
    left_at: datetime | None

    def was_under_way(self, at: datetime) -> bool:
        return self.left_at is None or self.left_at > at


@dataclass(frozen=True, slots=True)
class Entry:
    """A run to be started."""

    customer_id: int
    entry_key: str
    triggered_at: datetime


def choose(
    definition: Definition,
    triggers: Iterable[Trigger],
    earlier: Mapping[int, Sequence[Earlier]],
    orders: Mapping[int, Sequence[datetime]],
) -> list[Entry]:
    """The runs that ``triggers`` start, given the customers' ``earlier`` runs.

    ``orders``: instants of the customers' orders, ascending, as far back as CART_LIFE before the
    first trigger (only asked where the key is the cart). Triggers may come in any order and again:
    the same triggers with the runs that they started start nothing. Of a customer with one run at a
    time, what was known while a run was under way starts none, also when it is looked at later.
    """
    by_customer: dict[int, list[Trigger]] = {}
    for trigger in triggers:
        by_customer.setdefault(trigger.customer_id, []).append(trigger)
    chosen: list[Entry] = []
    for customer_id, mine in sorted(by_customer.items()):
        runs = list(earlier.get(customer_id, ()))
        for trigger in sorted(mine, key=lambda t: (t.at, t.event_id)):
            key = _key(definition, trigger)
            if _starts(definition, trigger, key, runs, orders.get(customer_id, ())):
                chosen.append(Entry(customer_id, key, trigger.at))
                runs.append(Earlier(trigger.at, key, left_at=None))
    return chosen


def _key(definition: Definition, trigger: Trigger) -> str:
    if definition.key == "customer" and definition.re_entry.mode == "never":
        return "once"
    if trigger.occasion is not None:
        return trigger.occasion
    if definition.key == "event":
        return f"event:{trigger.event_id}"
    if definition.key == "order" and trigger.order_key is not None:
        return f"order:{trigger.order_key}"
    if definition.key == "order" and trigger.session_key is not None:
        return f"order:session:{trigger.session_key}"  # all lines of a session are one order
    micros = (trigger.at - _EPOCH) // timedelta(microseconds=1)
    return f"{definition.key}:{micros}"


def _starts(
    definition: Definition,
    trigger: Trigger,
    key: str,
    runs: Sequence[Earlier],
    orders: Sequence[datetime],
) -> bool:
    if any(run.entry_key == key for run in runs):
        return False
    if not _may_enter_again(definition.re_entry, trigger, runs):
        return False
    if definition.key == "customer":
        known = trigger.known or trigger.at
        return not any(run.was_under_way(known) for run in runs)
    if definition.key == "cart":
        return not any(_same_cart(run.triggered_at, trigger.at, orders) for run in runs)
    return True


def _may_enter_again(rule: ReEntry, trigger: Trigger, runs: Sequence[Earlier]) -> bool:
    if not runs or rule.mode == "always":
        return True
    if rule.mode == "never":
        return False
    pause = timedelta(hours=rule.hours or 0)
    return all(abs(trigger.at - run.triggered_at) >= pause for run in runs)


def _same_cart(one: datetime, other: datetime, orders: Sequence[datetime]) -> bool:
    """Whether two additions belong to one cart: near enough, and no order between them."""
    first, last = min(one, other), max(one, other)
    if last - first >= CART_LIFE:
        return False
    # At one instant an addition comes before an order: what was added then was bought.
    return bisect_left(orders, last) == bisect_left(orders, first)
