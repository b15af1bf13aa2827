"""Rules in plain English, and the reasons of one customer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.errors import NotFound
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.describe import describe
from segmind.segments.explain import Explained, explain
from segmind.segments.preview import preview
from segmind.segments.rule import parse
from segmind.segments.words import Words

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = {"type": "last", "amount": 7, "unit": "days"}


def said(rule: dict[str, Any], words: Words | None = None) -> str:
    return describe(parse(rule), words)


DESCRIBED = [
    ({"type": "all", "conditions": []}, "All customers."),
    ({"type": "did", "event": "order"}, "Customers who placed an order."),
    (
        {"type": "did", "event": "order", "op": "exactly", "n": 0, "window": WEEK},
        "Customers who did not place an order in the last 7 days.",
    ),
    (
        {"type": "did", "event": "order", "metric": "value_sum", "n": 10000},
        "Customers who placed an order for at least $100.00 in total.",
    ),
    (
        {
            "type": "did",
            "event": "product_viewed",
            "n": 2,
            "metric": "distinct_products",
            "where": [{"field": "product.category", "op": "any_of", "value": ["Hats", "Shoes"]}],
            "window": {"type": "between", "since": "2026-01-05", "until": "2026-02-01"},
        },
        "Customers who viewed a product (where category is one of “Hats” or “Shoes”) (at least 2 "
        "different products) between 5 January 2026 and 1 February 2026.",
    ),
    (
        {"type": "recency", "event": "order", "op": "more_than", "ago": {"amount": 45}},
        "Customers who last placed an order more than 45 days ago.",
    ),
    (
        {
            "type": "sequence",
            "first": {"event": "checkout_started"},
            "then": {"event": "order"},
            "followed": False,
            "within": {"amount": 1, "unit": "hours"},
        },
        "Customers who started a checkout and then did not place an order within 1 hour.",
    ),
    (
        {"type": "trait", "field": "birthday", "op": "in_month", "value": "current"},
        "Customers whose birthday is in this month.",
    ),
    (
        {"type": "trait", "field": "traits.loyalty_points", "op": "between", "value": [1000, 2000]},
        "Customers whose loyalty points is between 1,000 and 2,000.",
    ),
    (
        {
            "type": "engagement",
            "action": "opened",
            "channel": "email",
            "op": "exactly",
            "n": 0,
            "source_kind": "campaign",
            "source_id": 3,
        },
        "Customers who did not open any e-mail of campaign 3.",
    ),
    (
        {
            "type": "none",
            "conditions": [
                {"type": "consent", "channel": "sms", "status": "no"},
                {"type": "in_segment", "segment_id": 4},
            ],
        },
        "All customers, but not those whose consent to SMS is no or who are in segment 4.",
    ),
    (
        {
            "type": "all",
            "conditions": [
                {"type": "reachable", "channel": "email"},
                {
                    "type": "any",
                    "conditions": [
                        {"type": "did", "event": "order"},
                        {"type": "did", "event": "quiz done"},
                    ],
                },
            ],
        },
        "Customers who can be reached by e-mail and (who placed an order or who did “quiz done”).",
    ),
]


@pytest.mark.parametrize(("rule", "sentence"), DESCRIBED)
def test_a_rule_reads_as_a_sentence(rule: dict[str, Any], sentence: str) -> None:
    assert said(rule) == sentence


def test_names_and_currency_are_those_of_the_workspace() -> None:
    words = Words("JPY", lambda n: f"“Loyal” ({n})", lambda kind, n: f"the {kind} “Spring” ({n})")
    spent = {"type": "did", "event": "order", "metric": "value_sum", "n": 5000}
    member = {"type": "in_segment", "segment_id": 4}
    sentence = said({"type": "all", "conditions": [spent, member]}, words)
    assert "at least 5,000 JPY in total" in sentence
    assert "are in “Loyal” (4)" in sentence


def test_the_built_ins_say_their_thresholds() -> None:
    sentences = {b.key: describe(b.rule) for b in BUILT_INS}
    assert sentences == {
        "high_converters": "Customers whose orders per session are more than 10% in the last 90 "
        "days (at least 3 sessions).",
        "window_shoppers": "Customers who viewed a product at least 10 times in the last 30 days "
        "and who did not place an order in the last 30 days.",
        "cart_abandoners": "Customers who have items in the cart, the last added 1 hour to 7 days "
        "ago, with no order since.",
        "loyal_customers": "Customers who placed an order on at least 2 different days in the last "
        "180 days.",
        "at_risk": "Customers whose sessions in the last 30 days are at most 50% of those in the "
        "30 days before, which had at least 2.",
        "high_value": "Customers who are in the top 20% of customers with orders by net revenue "
        "in the last 365 days.",
    }


@pytest.fixture
def facts() -> Facts:
    """Customer 1 ordered 47 days ago and has a cart; 2 did nothing."""
    day = timedelta(days=1)
    rows = [
        (1, 5, NOW - 47 * day, 2500, 1),
        (1, 2, NOW - 3 * timedelta(hours=1), None, 2),
    ]
    columns = ["customer_id", "kind", "ts", "value", "quantity"]
    events = pl.DataFrame(rows, schema=columns, orient="row")
    people = pl.DataFrame(
        {
            "customer_id": [1, 2],
            "email": ["a@b.example", None],
            "email_consent": [1, None],
            "traits": ['{"tier": "gold"}', None],
        }
    )
    return Facts.of(events, people)


DETAILS = [
    (
        {"type": "recency", "event": "order", "op": "within", "ago": {"amount": 45}},
        "last order 47 days ago, limit 45 days",
        "no order so far, limit 45 days",
    ),
    ({"type": "did", "event": "order", "n": 2}, "once", "never"),
    (
        {"type": "did", "event": "order", "metric": "value_sum", "n": 5000},
        "$25.00 in total",
        "$0.00 in total",
    ),
    (
        {"type": "cart"},
        "2 items in the cart, last added 3 hours ago, last product bought 47 days ago",
        "nothing added since the last product bought (never)",
    ),
    ({"type": "rank", "top_percent": 20}, "place 1 of 1 with $25.00", "no order in the window"),
    ({"type": "trait", "field": "traits.tier", "op": "is", "value": "x"}, "is “gold”", "not set"),
    ({"type": "consent", "channel": "email"}, "consent is yes", "consent is unknown"),
    (
        {"type": "rate", "op": "more_than", "ratio": 0.1},
        "1 order, 2 sessions: 50%",
        "0 orders, 0 sessions",
    ),
    (
        {"type": "trend", "event": "product_added", "op": "at_most", "ratio": 0.5},
        "1 now, 0 before",
        "0 now, 0 before",
    ),
    (
        {
            "type": "sequence",
            "first": {"event": "product_added"},
            "then": {"event": "order"},
            "followed": False,
            "within": {"amount": 1, "unit": "hours"},
        },
        "once, the last time 3 hours ago",
        "not once",
    ),
]


@pytest.mark.parametrize(("rule", "first", "second"), DETAILS, ids=[d[1] for d in DETAILS])
def test_details_are_the_customers_own_figures(
    facts: Facts, rule: dict[str, Any], first: str, second: str
) -> None:
    assert explain(parse(rule), facts, 1, NOW).detail == first
    assert explain(parse(rule), facts, 2, NOW).detail == second


def test_reasons_against_name_the_conditions_that_decide(facts: Facts) -> None:
    rule = parse(
        {
            "type": "all",
            "conditions": [
                {"type": "cart"},
                {
                    "type": "none",
                    "conditions": [
                        {"type": "did", "event": "order"},
                        {"type": "did", "event": "page_viewed"},
                    ],
                },
            ],
        }
    )
    tree = explain(rule, facts, 1, NOW)
    assert not tree.met
    assert [node.path for node in tree.against()] == ["all[1].none[0]"]
    assert tree.detail == "1 of 2 met"
    assert [node.path for node in paths(tree)] == [
        "",
        "all[0]",
        "all[1]",
        "all[1].none[0]",
        "all[1].none[1]",
    ]


def paths(tree: Explained) -> list[Explained]:
    return [tree, *(node for child in tree.children for node in paths(child))]


def test_nobody_cannot_be_explained(facts: Facts) -> None:
    with pytest.raises(NotFound, match="no customer 99"):
        explain(parse({"type": "cart"}), facts, 99, NOW)


def test_a_preview_counts_samples_and_says_who_can_be_reached() -> None:
    n = 1_000
    people = pl.DataFrame({"customer_id": range(1, n + 1)}).with_columns(
        email=pl.format("c{}@shop.example", "customer_id"),
        email_consent=(pl.col("customer_id") % 4 == 0).cast(pl.Int8),
        phone=pl.when(pl.col("customer_id") % 2 == 0).then(pl.lit("+491701234567")),
        sms_consent=pl.lit(1),
    )
    events = pl.DataFrame(
        {"customer_id": range(1, 401), "kind": [1] * 400, "ts": [NOW] * 400},
    )
    found = preview(
        parse({"type": "did", "event": "product_viewed"}), Facts.of(events, people), NOW
    )
    assert (found.count, found.base, found.share_of_base) == (400, 1_000, 0.4)
    assert found.reach == {"email": 100, "sms": 200, "push": 0}
    assert len(set(found.sample)) == 20
    assert max(found.sample) <= 400
    assert found.incomplete == ()


def test_a_preview_of_an_empty_store_is_empty() -> None:
    empty = Facts.of(
        pl.DataFrame(schema={"ts": pl.Datetime("us", "UTC")}),
        pl.DataFrame(schema={"customer_id": pl.Int64}),
    )
    found = preview(parse({"type": "cart"}), empty, NOW)
    assert (found.count, found.base, found.share_of_base, found.sample) == (0, 0, 0.0, [])
