"""Sums of money are of one currency: a period that holds others is refused, not added up."""

from __future__ import annotations

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
    hint = "Choose a period with one currency, or convert amounts before they are sent to the log."


def foreign(facts: Facts, period: Period, currency: str) -> tuple[str, ...]:
    """Other currencies than the workspace's among the order lines and refunds of the period."""
    source = held.held(facts.log.rows, _WANTED)
    seen = pl.concat([source.settled, _seen(source.fresh)])
    since, until = micros(period.since) // DAY, -(-micros(period.until) // DAY)
    others = seen.filter(
        pl.col("day") >= since, pl.col("day") < until, pl.col("currency") != currency
    )
    return tuple(others["currency"].unique().sort().to_list())


def check(facts: Facts, period: Period, currency: str) -> None:
    """Every order line and refund of the period (in whole days) is in ``currency``.

    Raises:
        MixedCurrencies: naming the others.
    """
    if others := foreign(facts, period, currency):
        raise MixedCurrencies(
            f"The period has orders in {', '.join(others)} beside {currency}, which cannot be "
            "added up.",
            field="period",
        )


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
