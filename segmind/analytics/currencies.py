"""Sums of money are of one currency: a period that holds others is refused, not added up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from segmind.analytics.instants import micros
from segmind.analytics.period import Period
from segmind.analytics.touches import DAY
from segmind.customers.facts import Facts
from segmind.errors import InvalidInput
from segmind.events import held
from segmind.events.held import Wanted
from segmind.events.schema import Kind


class MixedCurrencies(InvalidInput):
    """The period's orders are in several currencies, which have no common sum."""

    code = "mixed_currencies"
    hint = (
        "Set the workspace's currency to the orders' own (page Settings), choose a period with one "
        "currency, or convert amounts before they are sent."
    )


def foreign(facts: Facts, period: Period, currency: str) -> tuple[str, ...]:
    """Other currencies than the workspace's among the order lines and refunds of the period."""
    return tuple(each for each in _told(facts, period) if each != currency)


def check(facts: Facts, period: Period, currency: str) -> None:
    """Every order line and refund of the period (in whole days) is in ``currency``.

    Raises:
        MixedCurrencies: naming the others.
    """
    if others := foreign(facts, period, currency):
        raise MixedCurrencies(reason(others, currency), field="period")


def check_span(facts: Facts, since: datetime, until: datetime, currency: str) -> None:
    """The same of any stretch of time.

    Raises:
        MixedCurrencies: naming the others.
    """
    end = max(until, since + timedelta(microseconds=1))
    check(facts, Period(since, end, facts.zone, "month"), currency)


def reason(others: tuple[str, ...], currency: str) -> str:
    """Why a period with orders in ``others`` has no sum in the workspace's ``currency``."""
    return (
        f"The period has orders in {', '.join(others)}, which cannot be added up in {currency}, "
        "the workspace's currency."
    )


def _told(facts: Facts, period: Period) -> list[str]:
    """The currencies that the period's order lines and refunds name, in order; nothing named is
    the workspace's."""
    source = held.held(facts.log.rows, _WANTED)
    seen = pl.concat([source.settled, _seen(source.fresh)])
    since, until = micros(period.since) // DAY, -(-micros(period.until) // DAY)
    within = seen.filter(pl.col("day") >= since, pl.col("day") < until)
    return within["currency"].unique().sort().to_list()


def _seen(rows: pl.DataFrame) -> pl.DataFrame:
    """The different days (UTC, since 1970) and currencies."""
    day = (pl.col("ts").dt.timestamp("us") // DAY).alias("day")
    return rows.filter(pl.col("currency").is_not_null()).select(day, "currency").unique()


_WANTED: Final = Wanted(
    "currencies",
    (int(Kind.ORDER_COMPLETED), int(Kind.ORDER_REFUNDED)),
    ("ts", "currency"),
    _seen,
)
