"""The dashboards' questions as our engine answers them, by the question's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from scripts.bench.engines.engine import Answer, canonical
from scripts.bench.questions.dialect import Asked
from segmind.analytics import engagement, funnel, revenue, visitors
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.compile import matching_many
from segmind.segments.overlap import overlap

_DAYS: Final = 30


def _period(facts: Facts, asked: Asked) -> Period:
    return Period.last_days(_DAYS, asked.as_of, facts.zone)


def _daily_net_revenue(facts: Facts, asked: Asked) -> Answer:
    days = revenue.over_time(facts, _period(facts, asked))
    return canonical(days.select("bucket", "net").rows())


def _daily_orders(facts: Facts, asked: Asked) -> Answer:
    days = revenue.over_time(facts, _period(facts, asked))
    return canonical(days.select("bucket", "orders").rows())


def _active_customers(facts: Facts, asked: Asked) -> Answer:
    return canonical([[visitors.count(facts, _period(facts, asked))]])


def _engagement_by_channel(facts: Facts, asked: Asked) -> Answer:
    counted = engagement.by_channel(facts, _period(facts, asked))
    return canonical(counted.select("channel", *METRICS).rows())


def _funnel_by_session(facts: Facts, asked: Asked) -> Answer:
    steps = funnel.product_funnel(facts, _period(facts, asked), "session").steps
    counts = {step.key: step.count for step in steps}
    return canonical([[counts["viewed"], counts["added"], counts["ordered"]]])


def _top_products(facts: Facts, asked: Asked) -> Answer:
    period = _period(facts, asked)
    lines = facts.log.events(
        kinds=[Kind.ORDER_COMPLETED],
        since=period.since,
        until=period.until,
        columns=["product_id", "value"],
    )
    best = lines.group_by("product_id").agg(pl.col("value").sum().alias("revenue"))
    top = best.sort("revenue", "product_id", descending=[True, False]).head(10)
    return canonical(top.collect().rows())


def _overlap(facts: Facts, asked: Asked) -> Answer:
    numbers = {"high_value": 1, "loyal_customers": 2}
    rules = {numbers[each.key]: each.rule for each in BUILT_INS if each.key in numbers}
    both = overlap(matching_many(rules, facts, asked.as_of))
    of = dict(zip(both.segment_ids, range(len(both.segment_ids)), strict=True))
    a, b = of[1], of[2]
    return canonical([[both.counts[a][a], both.counts[b][b], both.counts[a][b]]])


ANSWERS: Final[dict[str, Callable[[Facts, Asked], Answer]]] = {
    "daily_net_revenue": _daily_net_revenue,
    "daily_orders": _daily_orders,
    "active_customers": _active_customers,
    "engagement_by_channel": _engagement_by_channel,
    "funnel_by_session": _funnel_by_session,
    "top_products": _top_products,
    "overlap": _overlap,
}
