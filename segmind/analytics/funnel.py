"""The product funnel, and abandonment in the three ways that people mean it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Kind

By = Literal["session", "customer"]
STEPS: Final = (
    ("viewed", "Viewed a product", Kind.PRODUCT_VIEWED),
    ("added", "Added to cart", Kind.PRODUCT_ADDED),
    ("checkout", "Started checkout", Kind.CHECKOUT_STARTED),
    ("ordered", "Ordered", Kind.ORDER_COMPLETED),
)


@dataclass(frozen=True, slots=True)
class Step:
    """How many sessions or customers did it. ``of_first`` and ``of_previous``: shares of the first
    and the previous shown step; None where that is 0."""

    key: str
    label: str
    count: int
    of_first: float | None
    of_previous: float | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps of a period, by session or by customer. Unordered: who did both counts in both,
    whatever came first. A step that nobody did in the period (checkout, often) is left out."""

    by: By
    steps: tuple[Step, ...]
    period: Period

    def definition(self) -> Definition:
        whole = "sessions" if self.by == "session" else "customers"
        return Definition(
            what=f"Number of {whole} with at least one such event in the period; the order of the "
            "events does not matter. Events without a session id belong to no session here.",
            window=f"{self.period.since.isoformat()} up to {self.period.until.isoformat()}",
            start_point="the instant of the event",
            tie_break="none",
            zone=self.period.zone.key,
            as_of=self.period.until,
        )


@dataclass(frozen=True, slots=True)
class Abandonment:
    """Shares of carts that were not bought, 0 to 1; None without carts.

    ``by_session``: sessions with an addition and no order, of sessions with an addition.
    ``by_cart_event``: 1 - order lines / additions. ``by_customer``: customers with an addition and
    no order in the period, of customers with an addition. The three differ by definition.
    """

    by_session: float | None
    by_cart_event: float | None
    by_customer: float | None


def product_funnel(facts: Facts, period: Period, by: By = "session") -> Funnel:
    """The funnel of the period."""
    if by == "customer":
        done = facts.log.totals(
            [kind for _, _, kind in STEPS], since=period.since, until=period.until
        )
        counted = done.group_by("kind").agg(pl.col("customer_id").n_unique().alias("n")).collect()
    else:
        counted = (
            _by_session(facts, period)
            .unpivot(index=["customer_id", "session_key"], variable_name="kind", value_name="did")
            .filter("did")
            .group_by(pl.col("kind").cast(pl.Int16))
            .agg(pl.len().alias("n"))
            .collect()
        )
    counts = dict(counted.iter_rows())
    steps: list[Step] = []
    for key, label, kind in STEPS:
        count = int(counts.get(int(kind), 0))
        if count or kind != Kind.CHECKOUT_STARTED:
            steps.append(
                Step(
                    key,
                    label,
                    count,
                    _share(count, steps[0].count if steps else count),
                    _share(count, steps[-1].count if steps else count),
                )
            )
    return Funnel(by, tuple(steps), period)


def abandonment(facts: Facts, period: Period) -> Abandonment:
    """Cart abandonment of the period, three ways."""
    added, ordered = str(int(Kind.PRODUCT_ADDED)), str(int(Kind.ORDER_COMPLETED))
    sessions = (
        _by_session(facts, period)
        .filter(pl.col(added))
        .select(pl.len().alias("carts"), (~pl.col(ordered)).sum().alias("left"))
        .collect()
        .row(0, named=True)
    )
    people = (
        facts.log.totals(
            [Kind.PRODUCT_ADDED, Kind.ORDER_COMPLETED], since=period.since, until=period.until
        )
        .group_by("customer_id")
        .agg(
            pl.col("n").filter(pl.col("kind") == int(Kind.PRODUCT_ADDED)).sum().alias("added"),
            pl.col("n").filter(pl.col("kind") == int(Kind.ORDER_COMPLETED)).sum().alias("lines"),
        )
        .collect()
    )
    carted = people.filter(pl.col("added") > 0)
    additions, lines = int(people["added"].sum()), int(people["lines"].sum())
    return Abandonment(
        by_session=_share(int(sessions["left"]), int(sessions["carts"])),
        by_cart_event=1 - lines / additions if additions else None,
        by_customer=_share(int((carted["lines"] == 0).sum()), carted.height),
    )


def _by_session(facts: Facts, period: Period) -> pl.LazyFrame:
    """One row per session with a shop step: customer_id, session_key, and a flag by kind's code."""
    rows = facts.log.events(
        kinds=[kind for _, _, kind in STEPS],
        since=period.since,
        until=period.until,
        columns=["customer_id", "session_key", "kind"],
    ).filter(pl.col("session_key").is_not_null())
    return rows.group_by("customer_id", "session_key").agg(
        (pl.col("kind") == int(kind)).any().alias(str(int(kind))) for _, _, kind in STEPS
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
