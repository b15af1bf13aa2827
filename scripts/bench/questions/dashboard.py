"""The questions of the dashboards. Periods are the last 30 calendar days, today included."""

from __future__ import annotations

from typing import Final

from scripts.bench.questions.built_ins import HIGH_VALUE, LOYAL_CUSTOMERS
from scripts.bench.questions.question import Question

_SHOWN: Final = "ts BETWEEN $midnight(29) AND $as_of"


def _figures(name: str, title: str, sql: str) -> Question:
    return Question(name=name, title=title, sql=sql, group="dashboard")


QUESTIONS: Final = (
    _figures(
        "daily_net_revenue",
        "Net revenue by day",
        f"""
SELECT $day(ts) AS day,
  sum(CASE kind WHEN $order_completed THEN value ELSE -value END) AS net
FROM event WHERE kind IN ($order_completed, $order_refunded) AND {_SHOWN}
GROUP BY 1
""",
    ),
    _figures(
        "daily_orders",
        "Orders by day",
        """
SELECT $day(ts) AS day, count(*) AS orders
FROM $orders AS purchase WHERE ts >= $midnight(29) GROUP BY 1
""",
    ),
    _figures(
        "active_customers",
        "Active customers",
        f"SELECT count(DISTINCT customer_id) FROM event WHERE ($in_shop) AND {_SHOWN}",
    ),
    _figures(
        "engagement_by_channel",
        "What became of messages, by channel",
        f"""
SELECT channel,
  count(DISTINCT CASE WHEN kind = $message_sent THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_delivered THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_bounced THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_opened AND NOT by_machine THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_clicked AND NOT by_machine THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_unsubscribed THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_complained THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_opened AND by_machine THEN message_id END),
  count(DISTINCT CASE WHEN kind = $message_clicked AND by_machine THEN message_id END)
FROM (
  SELECT channel, kind, message_id, coalesce(machine, false) AS by_machine
  FROM event WHERE kind BETWEEN $message_sent AND $message_complained AND {_SHOWN}
) AS receipt
GROUP BY channel
""",
    ),
    _figures(
        "funnel_by_session",
        "Product funnel by session",
        f"""
SELECT sum(viewed), sum(added), sum(ordered) FROM (
  SELECT max(CASE kind WHEN $product_viewed THEN 1 ELSE 0 END) AS viewed,
    max(CASE kind WHEN $product_added THEN 1 ELSE 0 END) AS added,
    max(CASE kind WHEN $order_completed THEN 1 ELSE 0 END) AS ordered
  FROM event
  WHERE kind IN ($product_viewed, $product_added, $order_completed)
    AND session_key IS NOT NULL AND {_SHOWN}
  GROUP BY customer_id, session_key
) AS session
""",
    ),
    _figures(
        "top_products",
        "The 10 products with the most revenue",
        f"""
SELECT product_id, sum(value) AS revenue FROM event
WHERE kind = $order_completed AND {_SHOWN}
GROUP BY product_id ORDER BY revenue DESC, product_id LIMIT 10
""",
    ),
    _figures(
        "overlap",
        "Overlap of high value and loyal customers",
        f"""
SELECT sum(a), sum(b), sum(a * b) FROM (
  SELECT max(a) AS a, max(b) AS b FROM (
    SELECT customer_id, 1 AS a, 0 AS b FROM ({HIGH_VALUE}) AS valuable
    UNION ALL
    SELECT customer_id, 0 AS a, 1 AS b FROM ({LOYAL_CUSTOMERS}) AS faithful
  ) AS either GROUP BY customer_id
) AS customer
""",
    ),
)
