"""How every customer has bought up to a moment: what predictions are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.predictions.histories import Histories, Ints

_TICK = timedelta(microseconds=1)


def histories(facts: Facts, as_of: datetime) -> tuple[Ints, Histories]:
    """The customers with an order up to ``as_of`` (ids, ascending) and their purchases.

    Days are calendar days of the workspace's zone. Net revenue is order lines less refunds, each
    when it happened.
    """
    ever = Span(None, as_of + _TICK)
    buyers = facts.vectors.buyers
    days = buyers.days(Kind.ORDER, ever)
    there = (days > 0) & facts.is_customer[buyers.ids]
    first, last = buyers.first_day(Kind.ORDER, ever), buyers.last_day(Kind.ORDER, ever)
    spent = buyers.values(Kind.ORDER_COMPLETED, ever)
    spent -= buyers.values(Kind.ORDER_REFUNDED, ever)
    found = (buyers.ids, days.astype(np.int64), first, last, spent)
    if not there.all():
        found = tuple(each[there] for each in found)
    ids, days, first, last, spent = found
    return ids, of_days(days, first, last, spent, day_number(as_of, facts.zone))


def of_days(purchases: Ints, first: Ints, last: Ints, spent: Ints, today: int) -> Histories:
    """Histories from the numbers of the days of the first and last purchase, and of the moment."""
    return Histories(purchases, last - first, today - first, spent)


def day_number(instant: datetime, zone: ZoneInfo) -> int:
    """The calendar day of an aware instant, days since 1970."""
    return instant.astimezone(zone).date().toordinal() - _EPOCH


_EPOCH = datetime(1970, 1, 1).date().toordinal()  # noqa: DTZ001 - a day, no instant
