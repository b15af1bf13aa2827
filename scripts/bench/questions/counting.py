"""Rules that count, sum and look at when: windows from hours to ever."""

from __future__ import annotations

from typing import Any, Final

from scripts.bench.questions.question import Question


def _last(amount: int, unit: str = "days") -> dict[str, Any]:
    return {"type": "last", "amount": amount, "unit": unit}


SPENDERS: Final = Question(
    name="spenders",
    title="Ordered for at least 500.00 in 30 days",
    rule={"type": "did", "event": "order", "metric": "value_sum", "n": 50_000, "window": _last(30)},
    sql="""
SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(30 days)
GROUP BY customer_id HAVING sum(value) >= 50000
""",
)

BUSY_NOW: Final = Question(
    name="busy_now",
    title="At least 5 product views in 6 hours",
    rule={"type": "did", "event": "product_viewed", "n": 5, "window": _last(6, "hours")},
    sql="""
SELECT customer_id FROM event
WHERE kind = $product_viewed AND ts BETWEEN $ago(6 hours) AND $as_of
GROUP BY customer_id HAVING count(*) >= 5
""",
)

EXPLORERS: Final = Question(
    name="explorers",
    title="Viewed at least 15 different products in 14 days",
    rule={
        "type": "did",
        "event": "product_viewed",
        "metric": "distinct_products",
        "n": 15,
        "window": _last(14),
    },
    sql="""
SELECT customer_id FROM event
WHERE kind = $product_viewed AND ts BETWEEN $ago(14 days) AND $as_of
GROUP BY customer_id HAVING count(DISTINCT product_id) >= 15
""",
)

REGULARS: Final = Question(
    name="regulars",
    title="Sessions on at least 5 different days in 60 days",
    rule={
        "type": "did",
        "event": "session",
        "metric": "distinct_days",
        "n": 5,
        "window": _last(60),
    },
    sql="""
SELECT customer_id FROM $sessions AS session WHERE ts >= $ago(60 days)
GROUP BY customer_id HAVING count(DISTINCT $day(ts)) >= 5
""",
)

CARTS_BETWEEN: Final = Question(
    name="carts_between",
    title="Added at least 2 products between two dates",
    rule={
        "type": "did",
        "event": "product_added",
        "n": 2,
        "window": {"type": "between", "since": "$date(40)", "until": "$date(21)"},
    },
    sql="""
SELECT customer_id FROM event
WHERE kind = $product_added AND ts >= $midnight(40) AND ts < $midnight(20)
GROUP BY customer_id HAVING count(*) >= 2
""",
)

LAPSED: Final = Question(
    name="lapsed",
    title="Last order more than 30 days ago",
    rule={"type": "recency", "event": "order", "op": "more_than", "ago": {"amount": 30}},
    sql="""
SELECT customer_id FROM $orders AS purchase
GROUP BY customer_id HAVING max(ts) < $ago(30 days)
""",
)

NEVER_BOUGHT: Final = Question(
    name="never_bought",
    title="Visited within 3 days, never ordered",
    rule={
        "type": "all",
        "conditions": [
            {"type": "recency", "event": "session", "op": "within", "ago": {"amount": 3}},
            {"type": "recency", "event": "order", "op": "never"},
        ],
    },
    sql="""
SELECT customer_id FROM $sessions AS session WHERE ts >= $ago(3 days)
EXCEPT
SELECT customer_id FROM event WHERE kind = $order_completed AND ts <= $as_of
""",
)

EAGER: Final = Question(
    name="eager",
    title="At least 1 addition for every 5 views (5 views or more) in 30 days",
    rule={
        "type": "rate",
        "event": "product_added",
        "per": "product_viewed",
        "op": "at_least",
        "ratio": 0.2,
        "minimum": 5,
        "window": _last(30),
    },
    sql="""
SELECT customer_id FROM event
WHERE kind IN ($product_viewed, $product_added) AND ts BETWEEN $ago(30 days) AND $as_of
GROUP BY customer_id
HAVING count(*) FILTER (WHERE kind = $product_viewed) >= 5
  AND count(*) FILTER (WHERE kind = $product_added) * 5
    >= count(*) FILTER (WHERE kind = $product_viewed)
""",
    # ClickHouse 26.9.2.1 fails on AND in this HAVING: "Size of filter (70) doesn't match".
    own={
        "clickhouse": """
SELECT customer_id FROM event
WHERE kind IN ($product_viewed, $product_added) AND ts BETWEEN $ago(30 days) AND $as_of
GROUP BY customer_id
HAVING (countIf(kind = $product_viewed) >= 5)
  * (countIf(kind = $product_added) * 5 >= countIf(kind = $product_viewed))
""",
    },
)

SPENDING_LESS: Final = Question(
    name="spending_less",
    title="Order value of 30 days at most half that of the 30 before (100.00 or more)",
    rule={
        "type": "trend",
        "event": "order",
        "metric": "value_sum",
        "length": {"amount": 30},
        "op": "at_most",
        "ratio": 0.5,
        "minimum": 10_000,
    },
    sql="""
SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(60 days)
GROUP BY customer_id
HAVING sum(CASE WHEN ts < $ago(30 days) THEN value ELSE 0 END) >= 10000
  AND sum(CASE WHEN ts >= $ago(30 days) THEN value ELSE 0 END) * 2
    <= sum(CASE WHEN ts < $ago(30 days) THEN value ELSE 0 END)
""",
)

ELECTRONICS: Final = Question(
    name="electronics",
    title="At least 5 views of electronics in 30 days",
    rule={
        "type": "did",
        "event": "product_viewed",
        "n": 5,
        "where": [{"field": "product.category", "op": "starts_with", "value": "electronics"}],
        "window": _last(30),
    },
    sql="""
SELECT customer_id FROM event
WHERE kind = $product_viewed AND ts BETWEEN $ago(30 days) AND $as_of
  AND product_id IN (SELECT product_id FROM product WHERE lower(category) LIKE 'electronics%')
GROUP BY customer_id HAVING count(*) >= 5
""",
)

BRAND_BUYERS: Final = Question(
    name="brand_buyers",
    title="Bought Apple or Samsung for at least 300.00 a line in 30 days",
    rule={
        "type": "did",
        "event": "order_completed",
        "where": [
            {"field": "product.brand", "op": "any_of", "value": ["apple", "samsung"]},
            {"field": "value", "op": "at_least", "value": 30_000},
        ],
        "window": _last(30),
    },
    sql="""
SELECT DISTINCT customer_id FROM event
WHERE kind = $order_completed AND ts BETWEEN $ago(30 days) AND $as_of AND value >= 30000
  AND product_id IN (SELECT product_id FROM product WHERE brand IN ('apple', 'samsung'))
""",
)

QUESTIONS: Final = (
    SPENDERS,
    BUSY_NOW,
    EXPLORERS,
    REGULARS,
    CARTS_BETWEEN,
    LAPSED,
    NEVER_BOUGHT,
    EAGER,
    SPENDING_LESS,
    ELECTRONICS,
    BRAND_BUYERS,
)
