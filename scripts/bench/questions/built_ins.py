"""The six built-in segments, by hand in SQL."""

from __future__ import annotations

from typing import Final

from scripts.bench.questions.question import Question
from segmind.segments.built_ins import BUILT_INS

HIGH_CONVERTERS: Final = """
SELECT customer_id FROM (
  SELECT customer_id, count(*) AS visits FROM $sessions AS session
  WHERE ts >= $ago(90 days) GROUP BY customer_id HAVING count(*) >= 3
) AS visitor JOIN (
  SELECT customer_id, count(*) AS orders FROM $orders AS purchase
  WHERE ts >= $ago(90 days) GROUP BY customer_id
) AS buyer USING (customer_id)
WHERE orders * 10 > visits
"""

WINDOW_SHOPPERS: Final = """
SELECT customer_id FROM event
WHERE kind = $product_viewed AND ts BETWEEN $ago(30 days) AND $as_of
GROUP BY customer_id HAVING count(*) >= 10
EXCEPT
SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(30 days)
"""

CART_ABANDONERS: Final = """
SELECT customer_id FROM event LEFT JOIN (
  SELECT customer_id, max(ts) AS emptied FROM event
  WHERE kind = $order_completed AND ts <= $as_of GROUP BY customer_id
) AS bought USING (customer_id)
WHERE kind IN ($product_added, $product_removed) AND ts <= $as_of
  AND (emptied IS NULL OR ts > emptied)
GROUP BY customer_id
HAVING sum(CASE kind WHEN $product_added THEN 1 ELSE -1 END * coalesce(quantity, 1)) > 0
  AND max(ts) FILTER (WHERE kind = $product_added) BETWEEN $ago(7 days) AND $ago(1 hours)
"""

LOYAL_CUSTOMERS: Final = """
SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(180 days)
GROUP BY customer_id HAVING count(DISTINCT $day(ts)) >= 2
"""

AT_RISK: Final = """
SELECT customer_id FROM $sessions AS session WHERE ts >= $ago(60 days)
GROUP BY customer_id
HAVING count(*) FILTER (WHERE ts < $ago(30 days)) >= 2
  AND count(*) FILTER (WHERE ts >= $ago(30 days)) * 2
    <= count(*) FILTER (WHERE ts < $ago(30 days))
"""

HIGH_VALUE: Final = """
SELECT customer_id FROM (
  SELECT customer_id, rank() OVER (ORDER BY net DESC) AS place, count(*) OVER () AS buyers
  FROM (
    SELECT customer_id, sum(CASE kind WHEN $order_completed THEN value ELSE -value END) AS net
    FROM event
    WHERE kind IN ($order_completed, $order_refunded) AND ts BETWEEN $ago(365 days) AND $as_of
      AND customer_id IN (
        SELECT customer_id FROM $orders AS purchase WHERE ts >= $ago(365 days))
    GROUP BY customer_id
  ) AS buyer
) AS placed
WHERE (place - 1) * 100 < buyers * 20
"""

SQL: Final = {
    "high_converters": HIGH_CONVERTERS,
    "window_shoppers": WINDOW_SHOPPERS,
    "cart_abandoners": CART_ABANDONERS,
    "loyal_customers": LOYAL_CUSTOMERS,
    "at_risk": AT_RISK,
    "high_value": HIGH_VALUE,
}

QUESTIONS: Final = tuple(
    Question(
        name=each.key,
        title=each.name,
        sql=SQL[each.key],
        group="built-in",
        rule=each.rule.as_json(),
    )
    for each in BUILT_INS
)
#: The built-ins as ``in_segment`` names them in the rules of the benchmark.
IDS: Final = {each.key: number for number, each in enumerate(BUILT_INS, start=1)}
