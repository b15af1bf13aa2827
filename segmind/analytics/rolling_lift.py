"""Lift of what customers enter one after the other: each one's acts count from their own start."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics import order_book
from segmind.analytics.definition import Definition
from segmind.analytics.instants import as_micros, instant, micros
from segmind.analytics.lift import DAYS_BEFORE, Did, Lift, compared, intervals_words
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.experiments.experiment import HOLDOUT, Rolling

_DAY: Final = 86_400_000_000  # microseconds


def measure_rolling(
    facts: Facts, rolling: Rolling, as_of: datetime, *, confidence: float = 0.95
) -> Lift:
    """The lift of every arm over who was held out, of those whose ``days`` are over.

    Measures and intervals as ``lift.measure``. While somebody still comes, or is within their days,
    the intervals are those that may be looked at any time.
    """
    length = timedelta(days=rolling.days)
    is_over = as_of >= rolling.until + length
    entrants = _present(facts, rolling.entrants).filter(pl.col("start") <= micros(as_of - length))
    did = _did(facts, entrants, rolling.days)
    arm = entrants["arm"].to_numpy()
    names = sorted(name for name in rolling.weights if name != HOLDOUT)

    def of(name: str) -> Did:
        mine = arm == name
        return Did(did.orders[mine], did.net[mine], did.before[mine])

    return compared(
        {name: of(name) for name in names},
        of(HOLDOUT),
        rolling.weights,
        is_over=is_over,
        goes_on=not is_over,
        confidence=confidence,
        definition=Definition(
            what="Customers who were led on, less those held out by chance: share with at least "
            "one order, and net revenue per customer. Each customer counts once, from when chance "
            f"drew first, and only when their days are over. "
            f"{intervals_words(confidence, is_over, not is_over)}.",
            window=f"{rolling.days} x 24 h of each customer; drawn from "
            f"{rolling.since.isoformat()} up to {rolling.until.isoformat()}",
            start_point="when the customer came to the split; who was not reached counts too",
            tie_break="a customer who came several times counts from the first",
            zone=facts.zone.key,
            as_of=as_of,
        ),
    )


def _present(facts: Facts, entrants: pl.DataFrame) -> pl.DataFrame:
    """customer_id, arm, start (microseconds), each present customer once."""
    now = entrants.lazy().select(
        facts.log.rows.merges.mapped(pl.col("customer_id")), "arm", as_micros("start")
    )
    known = pl.Series("customer_id", np.flatnonzero(facts.is_customer))
    return (
        now.sort("start", "customer_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .join(known.to_frame().lazy(), on="customer_id", how="semi", maintain_order="left")
        .collect()
    )


def _did(facts: Facts, entrants: pl.DataFrame, days: int) -> Did:
    """What each entrant did in ``days`` from their start, in their order."""
    count = entrants.height
    orders, net, before = (np.zeros(count, np.int64) for _ in range(3))
    if not count:
        return Did(orders, net, before)
    first, last = int(entrants["start"].min()), int(entrants["start"].max())  # type: ignore[arg-type]
    end = last + days * _DAY
    mine = entrants.select("customer_id", "start").with_row_index("at").lazy()
    age = pl.col("ts") - pl.col("start")
    within = age.is_between(0, days * _DAY, closed="left")
    made = order_book.book(facts).made_in(first, end, end).lazy().select("customer_id", "ts")
    begun = made.join(mine, on="customer_id").filter(within).group_by("at").len().collect()
    orders[begun["at"].to_numpy()] = begun["len"].to_numpy()
    kinds = (Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED)
    span = Span(instant(first - DAYS_BEFORE * _DAY), instant(end))
    sign = pl.when(pl.col("kind") == int(Kind.ORDER_REFUNDED)).then(-1).otherwise(1)
    amount = pl.col("value").fill_null(0) * sign
    sums = (
        facts.log.rows.scan([span], ("customer_id", "ts", "kind", "value"), kinds=kinds)
        .select("customer_id", as_micros("ts"), amount.alias("amount"))
        .join(mine, on="customer_id")
        .group_by("at")
        .agg(
            pl.col("amount").filter(within).sum().alias("net"),
            pl.col("amount")
            .filter(age.is_between(-DAYS_BEFORE * _DAY, 0, closed="left"))
            .sum()
            .alias("before"),
        )
        .collect()
    )
    at = sums["at"].to_numpy()
    net[at], before[at] = sums["net"].to_numpy(), sums["before"].to_numpy()
    return Did(orders, net, before)
