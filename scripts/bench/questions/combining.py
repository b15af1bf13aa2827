"""Rules on what came after what, on messages, on who somebody is, and on other rules."""

from __future__ import annotations

from typing import Any, Final

from scripts.bench.questions.built_ins import IDS, WINDOW_SHOPPERS
from scripts.bench.questions.question import Question


def _last(amount: int, unit: str = "days") -> dict[str, Any]:
    return {"type": "last", "amount": amount, "unit": unit}


CART_LEFT: Final = Question(
    name="cart_left",
    title="Added to the cart in 7 days, no order within 1 hour after",
    rule={
        "type": "sequence",
        "first": {"event": "product_added"},
        "then": {"event": "order"},
        "followed": False,
        "within": {"amount": 1, "unit": "hours"},
        "window": _last(7),
    },
    sql="""
SELECT DISTINCT added.customer_id AS customer_id
FROM (
  SELECT customer_id, ts FROM event
  WHERE kind = $product_added AND ts BETWEEN $ago(7 days) AND $ago(1 hours)
) AS added
ASOF LEFT JOIN (SELECT customer_id, ts FROM $orders AS purchase) AS ordered
  ON added.customer_id = ordered.customer_id AND added.ts < ordered.ts
WHERE ordered.ts IS NULL OR ordered.ts > added.ts + INTERVAL '1 hour'
""",
    own={
        "postgres": """
SELECT DISTINCT customer_id FROM event AS added
WHERE kind = $product_added AND ts BETWEEN $ago(7 days) AND $ago(1 hours)
  AND NOT EXISTS (
    SELECT FROM $orders AS ordered
    WHERE ordered.customer_id = added.customer_id
      AND ordered.ts > added.ts AND ordered.ts <= added.ts + INTERVAL '1 hour')
"""
    },
)

VIEW_TO_CART: Final = Question(
    name="view_to_cart",
    title="Viewed in 14 days and then added within 1 day",
    rule={
        "type": "sequence",
        "first": {"event": "product_viewed"},
        "then": {"event": "product_added"},
        "within": {"amount": 1},
        "window": _last(14),
    },
    sql="""
SELECT DISTINCT viewed.customer_id AS customer_id
FROM (
  SELECT customer_id, ts FROM event
  WHERE kind = $product_viewed AND ts BETWEEN $ago(14 days) AND $as_of
) AS viewed
ASOF JOIN (
  SELECT customer_id, ts FROM event
  WHERE kind = $product_added AND ts BETWEEN $ago(14 days) AND $as_of
) AS added ON viewed.customer_id = added.customer_id AND viewed.ts < added.ts
WHERE added.ts <= viewed.ts + INTERVAL '24 hours'
""",
    own={
        "postgres": """
SELECT DISTINCT customer_id FROM event AS added
WHERE kind = $product_added AND ts BETWEEN $ago(14 days) AND $as_of
  AND EXISTS (
    SELECT FROM event AS viewed
    WHERE viewed.customer_id = added.customer_id AND viewed.kind = $product_viewed
      AND viewed.ts < added.ts AND viewed.ts >= added.ts - INTERVAL '24 hours'
      AND viewed.ts >= $ago(14 days))
"""
    },
)

OPENED_NOT_CLICKED: Final = Question(
    name="opened_not_clicked",
    title="Opened an e-mail, clicked in none, in 30 days",
    rule={
        "type": "all",
        "conditions": [
            {"type": "engagement", "action": "opened", "channel": "email", "window": _last(30)},
            {
                "type": "engagement",
                "action": "clicked",
                "channel": "email",
                "op": "exactly",
                "n": 0,
                "window": _last(30),
            },
        ],
    },
    sql="""
SELECT customer_id FROM event
WHERE kind = $message_opened AND channel = 1 AND ts BETWEEN $ago(30 days) AND $as_of
  AND NOT coalesce(machine, false)
EXCEPT
SELECT customer_id FROM event
WHERE kind = $message_clicked AND channel = 1 AND ts BETWEEN $ago(30 days) AND $as_of
  AND NOT coalesce(machine, false)
""",
)

DACH_BROWSERS: Final = Question(
    name="dach_browsers",
    title="In DE, AT or FR, says yes to e-mail, at least 3 views in 7 days",
    rule={
        "type": "all",
        "conditions": [
            {"type": "trait", "field": "country", "op": "any_of", "value": ["DE", "AT", "FR"]},
            {"type": "consent", "channel": "email", "status": "yes"},
            {"type": "did", "event": "product_viewed", "n": 3, "window": _last(7)},
        ],
    },
    sql="""
SELECT customer_id FROM event
WHERE kind = $product_viewed AND ts BETWEEN $ago(7 days) AND $as_of
  AND customer_id IN (
    SELECT customer_id FROM customer WHERE country IN ('DE', 'AT', 'FR') AND email_consent = 1)
GROUP BY customer_id HAVING count(*) >= 3
""",
)

WORTH_KEEPING: Final = Question(
    name="worth_keeping",
    title="(3 orders in 60 days, or 1,000.00 ever and no refund), never unsubscribed",
    rule={
        "type": "all",
        "conditions": [
            {
                "type": "any",
                "conditions": [
                    {"type": "did", "event": "order", "n": 3, "window": _last(60)},
                    {
                        "type": "all",
                        "conditions": [
                            {
                                "type": "did",
                                "event": "order",
                                "metric": "value_sum",
                                "n": 100_000,
                            },
                            {
                                "type": "none",
                                "conditions": [{"type": "did", "event": "order_refunded"}],
                            },
                        ],
                    },
                ],
            },
            {
                "type": "none",
                "conditions": [{"type": "engagement", "action": "unsubscribed"}],
            },
        ],
    },
    sql="""
(
  SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(60 days)
  GROUP BY customer_id HAVING count(*) >= 3
  UNION DISTINCT
  (
    SELECT customer_id FROM $orders AS purchase GROUP BY customer_id HAVING sum(value) >= 100000
    EXCEPT
    SELECT customer_id FROM event WHERE kind = $order_refunded AND ts <= $as_of
  )
)
EXCEPT
SELECT customer_id FROM event
WHERE kind = $message_unsubscribed AND ts <= $as_of AND NOT coalesce(machine, false)
""",
)

SHOPPERS_BACK: Final = Question(
    name="shoppers_back",
    title="In the segment of window shoppers, and a session within 2 days",
    rule={
        "type": "all",
        "conditions": [
            {"type": "in_segment", "segment_id": IDS["window_shoppers"]},
            {"type": "recency", "event": "session", "op": "within", "ago": {"amount": 2}},
        ],
    },
    sql=f"""
SELECT customer_id FROM ({WINDOW_SHOPPERS}) AS shopper
INTERSECT
SELECT customer_id FROM $sessions AS session WHERE ts >= $ago(2 days)
""",
)

TENTH: Final = Question(
    name="tenth",
    title="A random tenth of those with a session in 30 days",
    rule={
        "type": "all",
        "conditions": [
            {"type": "bucket", "salt": "spring test", "to_percent": 10},
            {"type": "did", "event": "session", "window": _last(30)},
        ],
    },
    sql="""
SELECT DISTINCT customer_id FROM $sessions AS session
WHERE ts >= $ago(30 days)
  AND customer_id IN (SELECT customer_id FROM customer WHERE $bucket(spring test) < 1000)
""",
)

RFM_BEST: Final = Question(
    name="rfm_best",
    title="RFM champions and loyal (recency 3 to 5, frequency 4 to 5)",
    rule={"type": "rfm", "groups": ["champions", "loyal"]},
    sql="""
SELECT customer_id FROM (
  SELECT customer_id, count(*) OVER () AS buyers,
    rank() OVER (ORDER BY last_order) - 1 AS less_recent,
    rank() OVER (ORDER BY orders) - 1 AS less_often
  FROM (
    SELECT customer_id, max(ts) AS last_order, count(*) AS orders
    FROM $orders AS purchase WHERE ts >= $ago(365 days) GROUP BY customer_id
  ) AS buyer
) AS scored
WHERE less_recent * 5 >= buyers * 2 AND less_often * 5 >= buyers * 3
""",
)

TOP_TWENTIETH: Final = Question(
    name="top_twentieth",
    title="The top 5 % by net revenue of 30 days",
    rule={"type": "rank", "top_percent": 5, "window": _last(30)},
    sql="""
SELECT customer_id FROM (
  SELECT customer_id, rank() OVER (ORDER BY net DESC) AS place, count(*) OVER () AS buyers
  FROM (
    SELECT customer_id, sum(CASE kind WHEN $order_completed THEN value ELSE -value END) AS net
    FROM event
    WHERE kind IN ($order_completed, $order_refunded) AND ts BETWEEN $ago(30 days) AND $as_of
      AND customer_id IN (
        SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(30 days))
    GROUP BY customer_id
  ) AS buyer
) AS placed
WHERE (place - 1) * 100 < buyers * 5
""",
)

QUESTIONS: Final = (
    CART_LEFT,
    VIEW_TO_CART,
    OPENED_NOT_CLICKED,
    DACH_BROWSERS,
    WORTH_KEEPING,
    SHOPPERS_BACK,
    TENTH,
    RFM_BEST,
    TOP_TWENTIETH,
)
