-- The six built-in segments, written from their definitions and from nothing of Segmind's code.
--
-- fact(customer, moment, word, session, purchase, id, quantity, value): one row an event, `moment` in
-- microseconds since 1970 in UTC, `value` in minor units. $as_of: the moment that is asked about.
-- present(customer): who counts as a customer.

CREATE OR REPLACE TEMP TABLE known AS
SELECT DISTINCT customer, moment, word, session, purchase, id, quantity, value
FROM fact SEMI JOIN present USING (customer)
WHERE moment <= $as_of AND word IN
  ('viewed', 'added', 'removed', 'checkout', 'bought', 'refunded', 'page', 'custom');

-- A session: a session id; without one, acts with no gap of more than 30 minutes between them.
CREATE OR REPLACE TEMP TABLE session_start AS
SELECT customer, min(moment) AS moment FROM known WHERE session IS NOT NULL GROUP BY customer, session
UNION ALL
SELECT customer, moment FROM (
  SELECT customer, moment, moment - lag(moment) OVER (PARTITION BY customer ORDER BY moment) AS gap
  FROM known WHERE session IS NULL
) WHERE gap IS NULL OR gap > 30 * 60 * 1000000::BIGINT;

-- An order: an order id; else all lines of one session; else a line by itself. At its first line.
CREATE OR REPLACE TEMP TABLE order_start AS
SELECT customer, min(moment) AS moment FROM known WHERE word = 'bought'
GROUP BY customer,
  CASE WHEN purchase IS NOT NULL THEN 'order ' || purchase
       WHEN session IS NOT NULL THEN 'session ' || session
       ELSE 'line ' || id END;

CREATE OR REPLACE TEMP MACRO days_ago(n) AS $as_of - n * 86400000000::BIGINT;

CREATE OR REPLACE TEMP TABLE member AS
WITH
sessions AS (
  SELECT customer, count(*) AS n FROM session_start WHERE moment >= days_ago(90) GROUP BY customer
),
orders AS (
  SELECT customer, count(*) AS n FROM order_start WHERE moment >= days_ago(90) GROUP BY customer
),
views AS (
  SELECT customer, count(*) AS n FROM known WHERE word = 'viewed' AND moment >= days_ago(30)
  GROUP BY customer
),
last_bought AS (
  SELECT customer, max(moment) AS moment FROM known WHERE word = 'bought' GROUP BY customer
),
cart AS (
  SELECT customer,
    sum(CASE word WHEN 'added' THEN 1 ELSE -1 END * coalesce(quantity, 1)) AS items,
    max(moment) FILTER (word = 'added') AS last_added
  FROM known WHERE word IN ('added', 'removed')
    AND moment > coalesce((SELECT b.moment FROM last_bought b WHERE b.customer = known.customer), -1)
  GROUP BY customer
),
net AS (
  SELECT customer,
    sum(CASE word WHEN 'bought' THEN value WHEN 'refunded' THEN -value ELSE 0 END) AS revenue
  FROM known
  WHERE moment >= days_ago(365) AND customer IN
    (SELECT customer FROM order_start WHERE moment >= days_ago(365))
  GROUP BY customer
),
placed AS (
  SELECT customer, (SELECT count(*) FROM net richer WHERE richer.revenue > net.revenue) AS richer,
    (SELECT count(*) FROM net) AS buyers
  FROM net
),
recent AS (
  SELECT customer, count(*) AS n FROM session_start WHERE moment >= days_ago(30) GROUP BY customer
),
earlier AS (
  SELECT customer, count(*) AS n FROM session_start
  WHERE moment >= days_ago(60) AND moment < days_ago(30) GROUP BY customer
)
SELECT 'high_converters' AS segment, customer FROM sessions JOIN orders USING (customer)
WHERE sessions.n >= 3 AND orders.n * 10 > sessions.n
UNION ALL
SELECT 'window_shoppers', customer FROM views WHERE n >= 10
AND customer NOT IN (SELECT customer FROM order_start WHERE moment >= days_ago(30))
UNION ALL
SELECT 'cart_abandoners', customer FROM cart
WHERE items > 0 AND last_added BETWEEN days_ago(7) AND $as_of - 3600000000
UNION ALL
SELECT 'loyal_customers', customer FROM order_start WHERE moment >= days_ago(180)
GROUP BY customer HAVING count(DISTINCT moment // 86400000000) >= 2
UNION ALL
SELECT 'at_risk', customer FROM earlier LEFT JOIN recent USING (customer)
WHERE earlier.n >= 2 AND coalesce(recent.n, 0) * 2 <= earlier.n
UNION ALL
SELECT 'high_value', customer FROM placed WHERE richer * 100 < buyers * 20;
