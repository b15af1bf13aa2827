"""What first times, averages, shared days, RFM groups and windows say in plain English."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.events.spans import Span
from segmind.segments import rfm
from segmind.segments.describe import describe
from segmind.segments.explain import explain
from segmind.segments.moment import Moment
from segmind.segments.rule import parse
from segmind.segments.windows import Ago, Calendar, Duration, Last

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHOES = [{"field": "product.category", "op": "is", "value": "Shoes"}]
MONTH = {"type": "last", "amount": 30}


def did(**more: Any) -> dict[str, Any]:
    return {"type": "did", "event": "order", **more}


SAID = [
    (did(metric="value_average", n=7500),
     "Customers who placed an order for at least $75.00 on average."),
    (did(metric="quantity_sum", op="less_than", n=3),
     "Customers who placed an order (less than 3 items)."),
    ({"type": "did", "event": "product_viewed", "metric": "distinct_values",
      "of": "properties.shoe_size", "n": 2},
     "Customers who viewed a product (at least 2 different values of shoe size)."),
    ({"type": "occurrence", "which": "first", "event": "order", "window": MONTH},
     "Customers who first placed an order in the last 30 days."),
    ({"type": "occurrence", "which": "last", "event": "product_viewed", "where": SHOES},
     "Customers who last viewed a product, and that time category is “Shoes”."),
    ({"type": "same_day", "acts": [{"event": "product_viewed"}], "without": [{"event": "order"}],
      "n": 2, "window": MONTH},
     "Customers who on at least 2 days in the last 30 days viewed a product and did not place an "
     "order."),
    ({"type": "rfm", "groups": ["champions", "at_risk"], "monetary": [5]},
     "Customers whose RFM group is “Champions” or “At Risk” and monetary score is 5 by orders in "
     "the last 365 days."),
    ({"type": "rate", "op": "at_least", "ratio": 0.5, "per": "product_viewed", "per_where": SHOES},
     "Customers whose orders per product view (where category is “Shoes”) are at least 50% "
     "(at least 1 product view)."),
    ({"type": "engagement", "action": "sent", "op": "exactly", "n": 0, "window": MONTH,
      "source_kind": "automation"},
     "Customers who were not sent any message of any automation in the last 30 days."),
    (did(window={"type": "ago", "newest": {"amount": 30}, "oldest": {"amount": 60}}),
     "Customers who placed an order between 60 days and 30 days ago."),
    (did(window={"type": "ago", "newest": {"amount": 1, "unit": "weeks"}}),
     "Customers who placed an order more than 1 week ago."),
    (did(window={"type": "before", "day": "2026-01-05"}),
     "Customers who placed an order before 5 January 2026."),
    (did(window={"type": "since", "day": "2026-01-05"}),
     "Customers who placed an order since 5 January 2026."),
    (did(window={"type": "calendar", "period": "month", "back": 1}),
     "Customers who placed an order last month."),
    (did(window={"type": "calendar", "period": "day"}),
     "Customers who placed an order today."),
    ({"type": "predicted", "what": "predicted_orders", "op": "at_least", "n": 1.5},
     "Customers whose expected orders in the next 90 days are at least 1.5."),
    ({"type": "predicted", "what": "predicted_value", "op": "more_than", "n": 1999, "days": 30},
     "Customers whose expected revenue in the next 30 days is more than $19.99."),
    ({"type": "predicted", "what": "probability_alive", "op": "less_than", "n": 0.25},
     "Customers whose probability of still being a customer is less than 25%."),
    ({"type": "trait", "field": "birthday", "op": "anniversary_in_days", "value": 7},
     "Customers whose birthday has its anniversary in the next 7 days."),
    ({"type": "trait", "field": "created_at", "op": "more_than_days_ago", "value": 1},
     "Customers whose created at is more than 1 day ago."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "sentence"), SAID)
def test_a_rule_reads_as_a_sentence(rule: dict[str, Any], sentence: str) -> None:
    assert describe(parse(rule)) == sentence


EXPLAINED = [
    ({"type": "occurrence", "which": "first", "event": "order"}, 1, "first order 4 days ago"),
    ({"type": "occurrence", "which": "first", "event": "order"}, 2, "no order so far"),
    ({"type": "occurrence", "which": "last", "event": "order_completed",
      "where": [{"field": "value", "op": "at_least", "value": 900}]}, 1,
     "last product bought 2 days ago, not such a one"),
    (did(metric="value_average"), 1, "$7.50 on average"),
    (did(metric="value_average"), 2, "never"),
    ({"type": "same_day", "acts": [{"event": "order"}, {"event": "session"}]}, 1,
     "on 2 days, the last 28 February 2026"),
    ({"type": "rfm", "groups": ["lost"]}, 1,
     "Lost: R 1 (last order 2 days ago), F 1 (ordered twice), M 1 ($15.00)"),
    ({"type": "rfm", "groups": ["lost"]}, 2, "no order in the window"),
    ({"type": "predicted", "what": "predicted_orders", "n": 1}, 1,
     "not known yet; ordered on 2 days, the last 2 days ago"),
    ({"type": "predicted", "what": "predicted_orders", "n": 1}, 2, "never bought"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "customer", "detail"), EXPLAINED)
def test_a_customers_own_figures_are_told(rule: dict[str, Any], customer: int, detail: str) -> None:
    events = pl.DataFrame(
        [(1, 5, NOW - timedelta(days=4), 1_000), (1, 5, NOW - timedelta(days=2), 500)],
        schema={"customer_id": pl.Int64, "kind": pl.Int16, "ts": pl.Datetime("us", "UTC"),
                "value": pl.Int64},
        orient="row",
    )  # fmt: skip
    facts = Facts.of(events, pl.DataFrame({"customer_id": [1, 2]}))
    assert explain(parse(rule), facts, customer, NOW).detail == detail


def test_ago_and_last_part_the_past_between_them() -> None:
    at = Moment(NOW, ZoneInfo("UTC"))
    late = Last(amount=30).span(at)
    early = Ago(newest=Duration(amount=30)).span(at)
    assert (early.since, early.until) == (None, late.since)


def test_periods_of_the_calendar_follow_each_other_without_gaps() -> None:
    zone = ZoneInfo("America/New_York")
    at = Moment(datetime(2026, 3, 8, 8, 30, tzinfo=UTC), zone)  # an hour after spring forward
    for period in ("day", "week", "month", "quarter", "year"):
        spans = [Calendar(period=period, back=n).span(at) for n in range(40)]
        assert all(b.until == a.since for a, b in itertools.pairwise(spans))
        assert spans[0].until == at.horizon
    assert Calendar(period="week").span(at) == Span(
        datetime(2026, 3, 2, 5, tzinfo=UTC), at.horizon
    )  # Monday


def test_every_cell_has_one_group_and_every_group_a_cell() -> None:
    assert len(rfm.CELLS) == 25
    assert set(rfm.CELLS.values()) == set(rfm.BY_KEY)
    assert rfm.group_of(5, 5).name == "Champions"
    assert rfm.group_of(1, 1).name == "Lost"
    assert rfm.cells_of(("cannot_lose",)) == [15, 25]
