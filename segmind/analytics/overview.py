"""The overview: six figures with their course and the period before."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.analytics import engagement, revenue
from segmind.analytics.attribution import LastClick, Ledger, ledger
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import FIRST_CUSTOM_CODE, Kind


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


def summary(facts: Facts, period: Period, rule: LastClick | None = None) -> dict[str, Figure]:
    """net_revenue, attributed_revenue, orders, active_customers, sent, clicked; by key.

    Money in minor units; the course has one value per bucket of ``period``.
    """
    rule = rule or LastClick()
    before = period.before()
    knows_before = facts.log.first_ts is not None and facts.log.first_ts <= before.since
    now_ledger = ledger(facts, period, rule)
    now = revenue.summary(facts, period, now_ledger)
    messages = engagement.totals(facts, period)
    values = {
        "net_revenue": now.net,
        "attributed_revenue": now.attributed,
        "orders": now.orders,
        "active_customers": active_customers(facts, period),
        "sent": messages["sent"],
        "clicked": messages["clicked"],
    }
    past = _before(facts, before, rule) if knows_before else {}
    courses = _courses(facts, period, now_ledger)
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


def active_customers(facts: Facts, period: Period) -> int:
    """Customers with at least one act in the shop in the period: no message, no membership."""
    acts = facts.log.totals(_shop_kinds(facts), since=period.since, until=period.until)
    return int(acts.select(pl.col("customer_id").n_unique()).collect().item())


def _before(facts: Facts, period: Period, rule: LastClick) -> dict[str, float]:
    sums = revenue.summary(facts, period, ledger(facts, period, rule))
    messages = engagement.totals(facts, period)
    return {
        "net_revenue": float(sums.net),
        "attributed_revenue": float(sums.attributed),
        "orders": float(sums.orders),
        "active_customers": float(active_customers(facts, period)),
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
        "active_customers": _active_course(facts, period),
        "sent": tuple(grid.sort("bucket")["sent"].cast(pl.Float64).to_list()),
        "clicked": tuple(grid.sort("bucket")["clicked"].cast(pl.Float64).to_list()),
    }


def _active_course(facts: Facts, period: Period) -> tuple[float, ...]:
    kinds, since, until = _shop_kinds(facts), period.since, period.until
    if period.grain == "hour":
        rows = facts.log.events(
            kinds=kinds, since=since, until=until, columns=["ts", "customer_id"]
        ).with_columns(period.bucket(pl.col("ts")).alias("bucket"))
    else:
        rows = facts.log.daily(kinds, since=since, until=until).with_columns(
            period.bucket_of_day(pl.col("day")).alias("bucket")
        )
    counted = rows.group_by("bucket").agg(pl.col("customer_id").n_unique().alias("n")).collect()
    grid = period.buckets().join(counted, on="bucket", how="left").sort("bucket")
    return tuple(grid["n"].fill_null(0).cast(pl.Float64).to_list())


def _shop_kinds(facts: Facts) -> list[int]:
    standard = [int(k) for k in Kind if k not in (Kind.SESSION, Kind.ORDER) and k < 10]
    custom = [code for code in facts.log.names().values() if code >= FIRST_CUSTOM_CODE]
    return standard + custom
