"""The overview: six figures with their course and the period before."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.analytics import engagement, revenue, visitors
from segmind.analytics.attribution import Ledger, ledger
from segmind.analytics.period import Period
from segmind.analytics.rule import Rule, last_click
from segmind.customers.facts import Facts


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: now, in the period before (None: nothing is known of it), and its course."""

    key: str
    value: float
    before: float | None
    course: tuple[float, ...]
    is_money: bool = False

    @property
    def change(self) -> float | None:
        """Relative change against the period before; None where there is nothing to compare."""
        return self.value / self.before - 1 if self.before else None


def summary(facts: Facts, period: Period, rule: Rule | None = None) -> dict[str, Figure]:
    """net_revenue, attributed_revenue, orders, active_customers, sent, clicked; by key.

    Money in minor units; the course has one value per bucket of ``period``.
    """
    rule = rule or last_click()
    before = period.before()
    knows_before = facts.log.first_ts is not None and facts.log.first_ts <= before.since
    now_ledger = ledger(facts, period, rule)
    now = revenue.summary(facts, period, now_ledger)
    courses = _courses(facts, period, now_ledger)
    values = {
        "net_revenue": now.net,
        "attributed_revenue": now.attributed,
        "orders": now.orders,
        "active_customers": visitors.count(facts, period),
        # A message counts in one bucket of each course.
        "sent": sum(courses["sent"]),
        "clicked": sum(courses["clicked"]),
    }
    past = _before(facts, before, rule) if knows_before else {}
    return {
        key: Figure(
            key=key,
            value=float(value),
            before=past.get(key),
            course=courses[key],
            is_money=key.endswith("revenue"),
        )
        for key, value in values.items()
    }


def _before(facts: Facts, period: Period, rule: Rule) -> dict[str, float]:
    sums = revenue.summary(facts, period, ledger(facts, period, rule))
    messages = engagement.totals(facts, period)
    return {
        "net_revenue": float(sums.net),
        "attributed_revenue": float(sums.attributed),
        "orders": float(sums.orders),
        "active_customers": float(visitors.count(facts, period)),
        "sent": float(messages["sent"]),
        "clicked": float(messages["clicked"]),
    }


def _courses(facts: Facts, period: Period, credited: Ledger) -> dict[str, tuple[float, ...]]:
    shop = revenue.over_time(facts, period)
    sent = engagement.over_time(facts, period).group_by("bucket", maintain_order=True).agg(
        pl.col("sent", "clicked").sum()
    )  # fmt: skip
    grid = period.buckets().join(sent, on="bucket", how="left").fill_null(0)
    paid = revenue.attributed_over_time(credited)
    paid = period.buckets().join(
        paid.group_by("bucket").agg(pl.col("revenue").sum()), on="bucket", how="left"
    ).fill_null(0)  # fmt: skip
    return {
        "net_revenue": tuple(shop["net"].cast(pl.Float64).to_list()),
        "attributed_revenue": tuple(paid.sort("bucket")["revenue"].cast(pl.Float64).to_list()),
        "orders": tuple(shop["orders"].cast(pl.Float64).to_list()),
        "active_customers": tuple(float(n) for n in visitors.over_time(facts, period)),
        "sent": tuple(grid.sort("bucket")["sent"].cast(pl.Float64).to_list()),
        "clicked": tuple(grid.sort("bucket")["clicked"].cast(pl.Float64).to_list()),
    }
