"""How every customer has bought up to a moment: what predictions are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from segmind.customers.facts import Facts
from segmind.events.schema import UTC_INSTANT, Kind
from segmind.events.spans import Span, day_of
from segmind.predictions.histories import Histories, Ints

_TICK = timedelta(microseconds=1)


def histories(facts: Facts, as_of: datetime) -> tuple[Ints, Histories]:
    """The customers with an order up to ``as_of`` (ids, ascending) and their purchases.

    Days are calendar days of the workspace's zone. Net revenue is order lines less refunds, each
    when it happened.
    """
    ever = Span(None, as_of + _TICK)
    vectors = facts.vectors
    days = vectors.days(Kind.ORDER, ever)
    ids = np.flatnonzero((days > 0) & facts.is_customer)
    first, last = (
        day_numbers(each[ids], facts.zone)
        for each in (vectors.first(Kind.ORDER, ever), vectors.last(Kind.ORDER, ever))
    )
    spent = vectors.values(Kind.ORDER_COMPLETED, ever)[ids]
    spent -= vectors.values(Kind.ORDER_REFUNDED, ever)[ids]
    return ids, of_days(
        days[ids].astype(np.int64), first, last, spent, day_number(as_of, facts.zone)
    )


def of_days(purchases: Ints, first: Ints, last: Ints, spent: Ints, today: int) -> Histories:
    """Histories from the numbers of the days of the first and last purchase, and of the moment."""
    return Histories(purchases, last - first, today - first, spent)


def day_numbers(instants: Ints, zone: ZoneInfo) -> Ints:
    """The calendar day of each instant (microseconds UTC): days since 1970 in ``zone``."""
    days = pl.DataFrame({"at": pl.Series(instants).cast(UTC_INSTANT)}).select(
        day_of(pl.col("at"), zone).to_physical().cast(pl.Int64)
    )
    return days["at"].to_numpy()


def day_number(instant: datetime, zone: ZoneInfo) -> int:
    """The calendar day of an aware instant, as ``day_numbers`` counts."""
    return instant.astimezone(zone).date().toordinal() - _EPOCH


_EPOCH = datetime(1970, 1, 1).date().toordinal()  # noqa: DTZ001 - a day, no instant
