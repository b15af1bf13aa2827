"""The built-in segments computed a second time, by DuckDB, from the raw events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
from sqlalchemy import text

from segmind.db.engine import Store

_DEFINITIONS = (Path(__file__).parent / "definitions.sql").read_text()

_WORDS = {
    1: "viewed",
    2: "added",
    3: "removed",
    4: "checkout",
    5: "bought",
    6: "refunded",
    7: "page",
}

_REES46 = """
CREATE TEMP TABLE fact AS SELECT *, row_number() OVER () AS id FROM (
  SELECT DISTINCT user_id AS customer, user_session AS session, NULL::VARCHAR AS purchase,
    epoch_us(strptime(event_time, '%Y-%m-%d %H:%M:%S UTC')) AS moment,
    CASE event_type WHEN 'view' THEN 'viewed' WHEN 'cart' THEN 'added'
      WHEN 'remove_from_cart' THEN 'removed' WHEN 'purchase' THEN 'bought' END AS word,
    product_id, 1 AS quantity, CAST(CAST(price AS DECIMAL(18, 2)) * 100 AS BIGINT) AS value
  FROM read_csv($path, all_varchar = true, header = true)
)
"""

# A line is worth quantity x price, half a penny rounded to the even one.
_ONLINE_RETAIL = """
CREATE TEMP TABLE fact AS
WITH line AS (
  SELECT DISTINCT *, abs(CAST(Quantity AS BIGINT) * CAST(CAST(UnitPrice AS DECIMAL(18, 6))
    * 1000000 AS BIGINT)) AS millionths
  FROM read_csv($path, all_varchar = true, header = true, quote = '"')
  WHERE CAST(UnitPrice AS DOUBLE) > 0 AND (
    (InvoiceNo LIKE 'C%' AND CAST(Quantity AS BIGINT) < 0)
    OR (regexp_full_match(InvoiceNo, '[0-9]+') AND CAST(Quantity AS BIGINT) > 0))
)
SELECT coalesce(CustomerID, 'guest of ' || InvoiceNo) AS customer, InvoiceNo AS purchase,
  NULL::VARCHAR AS session, row_number() OVER () AS id,
  epoch_us(CAST(InvoiceDate AS TIMESTAMP)) AS moment,
  CASE WHEN InvoiceNo LIKE 'C%' THEN 'refunded' ELSE 'bought' END AS word,
  abs(CAST(Quantity AS BIGINT)) AS quantity,
  millionths // 10000 + CASE WHEN millionths % 10000 > 5000
    OR (millionths % 10000 = 5000 AND millionths // 10000 % 2 = 1) THEN 1 ELSE 0 END AS value
FROM line
"""


class SecondOpinion:
    """Raw events in DuckDB, to be asked about any moment."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def sizes(self, as_of: datetime) -> dict[str, int]:
        """Members of each built-in segment at ``as_of``, by key; those without any are missing."""
        microseconds = round((as_of - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10**6)
        self._connection.execute(_DEFINITIONS.replace("$as_of", f"{microseconds}::BIGINT"))
        rows = self._connection.execute(
            "SELECT segment, count(DISTINCT customer) FROM member GROUP BY segment"
        )
        return dict(rows.fetchall())

    def totals(self, since: datetime, until: datetime) -> tuple[int, int, int, int]:
        """Order lines and refunds (minor units), orders and buyers in ``[since, until)``."""
        low, high = (round(each.timestamp() * 10**6) for each in (since, until))
        money = self._connection.execute(
            "SELECT coalesce(sum(value) FILTER (word = 'bought'), 0)::BIGINT, "
            "coalesce(sum(value) FILTER (word = 'refunded'), 0)::BIGINT FROM fact "
            f"WHERE moment >= {low} AND moment < {high}"
        ).fetchall()[0]
        orders = self._connection.execute(
            "SELECT count(*), count(DISTINCT customer) FROM (SELECT customer, min(moment) AS start "
            f"FROM fact WHERE word = 'bought' AND moment < {high} GROUP BY customer, coalesce("
            "'order ' || purchase, 'session ' || session, 'line ' || id)) "
            f"WHERE start >= {low}"
        ).fetchall()[0]
        return (*money, *orders)

    def retention(self) -> list[tuple[str, int, int]]:
        """(first day of the month of the first order, months after it, customers who ordered) of
        everybody, as of the moment that ``sizes`` was last asked about; UTC."""
        rows = self._connection.execute(
            """
            WITH bought AS (
              SELECT DISTINCT customer, date_trunc('month', make_timestamp(moment)) AS month
              FROM order_start),
            born AS (SELECT customer, min(month) AS cohort FROM bought GROUP BY customer)
            SELECT strftime(cohort, '%Y-%m-%d'), datediff('month', cohort, month) AS n, count(*)
            FROM bought JOIN born USING (customer) GROUP BY ALL ORDER BY 1, 2
            """
        )
        return rows.fetchall()

    def rfm(self) -> dict[tuple[int, int], int]:
        """Customers by recency and frequency score, of all their orders in 365 days."""
        rows = self._connection.execute(
            """
            WITH bought AS (
              SELECT customer, max(moment) AS last, count(*) AS orders FROM order_start
              WHERE moment >= days_ago(365) GROUP BY customer)
            SELECT r, f, count(*) FROM (
              SELECT 1 + 5 * (rank() OVER (ORDER BY last) - 1) // count(*) OVER () AS r,
                1 + 5 * (rank() OVER (ORDER BY orders) - 1) // count(*) OVER () AS f FROM bought)
            GROUP BY ALL
            """
        )
        return {(r, f): n for r, f, n in rows.fetchall()}

    def gaps(self) -> list[int]:
        """Days between successive days with an order of one customer, ascending; UTC."""
        rows = self._connection.execute(
            """
            SELECT day - lag(day) OVER (PARTITION BY customer ORDER BY day) AS gap FROM (
              SELECT DISTINCT customer, moment // 86400000000 AS day FROM order_start)
            QUALIFY gap IS NOT NULL ORDER BY gap
            """
        )
        return [int(gap) for (gap,) in rows.fetchall()]

    def conversion(self, since: datetime) -> tuple[int, int, int, int]:
        """Sessions with a step and those with an order; customers active and those who bought."""
        low = round(since.timestamp() * 10**6)
        steps = "word IN ('viewed', 'added', 'checkout', 'bought') AND session NOTNULL"
        found = self._connection.execute(
            f"SELECT count(DISTINCT (customer, session)) FILTER ({steps}), "
            f"count(DISTINCT (customer, session)) FILTER ({steps} AND word = 'bought'), "
            "count(DISTINCT customer), count(DISTINCT customer) FILTER (word = 'bought') "
            f"FROM known WHERE moment >= {low}"
        )
        row = found.fetchall()[0]
        return row[0], row[1], row[2], row[3]

    @classmethod
    def of_csv(cls, file_format: str, path: Path) -> SecondOpinion:
        """The file as it was published; nothing of Segmind has touched it."""
        connection = duckdb.connect()
        query = {"rees46": _REES46, "online-retail": _ONLINE_RETAIL}[file_format]
        connection.execute(query.replace("$path", f"'{path}'"))
        connection.execute("CREATE TEMP VIEW present AS SELECT DISTINCT customer FROM fact")
        return cls(connection)

    @classmethod
    def of_store(cls, store: Store) -> SecondOpinion:
        """The sealed files of the log and the rows that are not sealed yet."""
        with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
            paths = conn.execute(text("SELECT path FROM event_file WHERE kind = 'event'")).scalars()
            files = [str(store.lake / path) for path in paths]
            recent = _frame(
                conn.execute(
                    text(
                        "SELECT event_id::text AS id, ts, customer_id, kind, session_key, "
                        "order_key, quantity, value FROM event_recent"
                    )
                ).all()
            )
            merges = conn.execute(text("SELECT from_id, into_id FROM customer_merge")).all()
            present = conn.execute(
                text(
                    "SELECT id FROM customer WHERE erased_at IS NULL "
                    "AND id NOT IN (SELECT from_id FROM customer_merge)"
                )
            ).scalars()
            people = pl.DataFrame({"customer": list(present)}, schema={"customer": pl.Int64})
        connection = duckdb.connect()
        connection.register("recent_rows", recent.to_arrow())
        connection.register("present", people.to_arrow())
        connection.execute("CREATE TEMP TABLE merged (from_id BIGINT, into_id BIGINT)")
        if merges:
            connection.executemany(
                "INSERT INTO merged VALUES (?, ?)", [tuple(pair) for pair in merges]
            )
        connection.execute(_fact_of_log(files))
        return cls(connection)


def _fact_of_log(files: list[str]) -> str:
    words = " ".join(f"WHEN {code} THEN '{word}'" for code, word in _WORDS.items())
    sealed = (
        "SELECT event_hi || ' ' || event_lo AS id, epoch_us(ts) AS moment, customer_id, kind, "
        f"session_key, order_key, quantity, value FROM read_parquet({files!r}) UNION ALL "
        if files
        else ""
    )
    return f"""
    CREATE TEMP TABLE fact AS
    WITH RECURSIVE raw AS (
      {sealed}
      SELECT id, moment, customer_id, kind, session_key, order_key, quantity, value FROM recent_rows
    ),
    followed AS (
      SELECT from_id, into_id FROM merged
      UNION
      SELECT followed.from_id, merged.into_id
      FROM followed JOIN merged ON followed.into_id = merged.from_id
    ),
    final AS (
      SELECT * FROM followed ANTI JOIN merged ON followed.into_id = merged.from_id
    )
    SELECT coalesce(into_id, customer_id) AS customer, moment, id, session_key::VARCHAR AS session,
      order_key::VARCHAR AS purchase, quantity, value,
      CASE WHEN kind >= 100 THEN 'custom' ELSE CASE kind {words} ELSE 'other' END END AS word
    FROM raw LEFT JOIN final ON raw.customer_id = final.from_id
    """


def _frame(rows: object) -> pl.DataFrame:
    schema = {
        "id": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "customer_id": pl.Int64(),
        "kind": pl.Int16(),
        "session_key": pl.Int64(),
        "order_key": pl.Int64(),
        "quantity": pl.Int32(),
        "value": pl.Int64(),
    }
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")  # type: ignore[attr-defined]
    return frame.with_columns(pl.col("ts").dt.epoch("us").alias("moment")).drop("ts")
