"""Cohorts, groups, gaps and hours equal the same questions put to DuckDB, in its own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.analytics import forecast_check as fared
from segmind.analytics import funnel, lapse, predicting, retention, rfm_groups, send_hours
from segmind.analytics.period import InvalidPeriod, Period
from segmind.customers.facts import Facts
from segmind.events.schema import EVENT_COLUMNS
from segmind.predictions.bg_nbd import BgNbd
from segmind.predictions.gamma_gamma import GammaGamma
from segmind.predictions.kept import Models
from segmind.predictions.model import Model
from segmind.segments.compile import matching, matching_many
from segmind.segments.rule import parse
from segmind.ui.views.insights.lapsing import silent_for
from tests.trying import examples

NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = 6
ENGINE = duckdb.connect(config={"threads": 1})
ENGINE.execute("SET TimeZone = 'UTC'")
LOCAL_DAY = "CAST(timezone('Europe/Berlin', ts) AS DATE)"
ORDERS = """
  SELECT customer_id, coalesce('o' || order_key, 's' || session_key, 'e' || event_lo) AS id,
    min(ts) AS ts FROM log WHERE kind = 5 GROUP BY ALL
"""

EVENT = st.fixed_dictionaries(
    {
        "customer_id": st.integers(1, PEOPLE),
        "kind": st.sampled_from([1, 2, 5, 5, 5, 6, 13, 14]),
        "minute": st.integers(0, 130 * 1440),
        "session_key": st.none() | st.integers(1, 3),
        "order_key": st.none() | st.integers(1, 9),
        "value": st.integers(0, 5_000),
        "machine": st.none() | st.booleans(),
    }
)
LOGS = st.lists(EVENT, max_size=60)


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    told = []
    for n, row in enumerate(rows):
        row = {**row, "ts": NOW - row["minute"] * timedelta(minutes=1), "event_lo": n}
        del row["minute"]
        if row["kind"] > 9:
            row |= {"message_id": n, "channel": 1}
        told.append(row)
    frame = pl.DataFrame(told, schema_overrides=dict(EVENT_COLUMNS), infer_schema_length=None)
    missing = [pl.lit(None, dtype=t).alias(n) for n, t in EVENT_COLUMNS.items() if n not in frame]
    return frame.with_columns(missing).select(
        pl.col(n).cast(t) for n, t in EVENT_COLUMNS.items()
    ).with_columns(event_hi=pl.lit(1, pl.Int64))  # fmt: skip


def facts_of(frame: pl.DataFrame, models: Models | None = None) -> Facts:
    people = pl.DataFrame({"customer_id": range(1, PEOPLE + 1)})
    return Facts.of(frame, people, zone="Europe/Berlin", models=models)


def ask(frame: pl.DataFrame, question: str) -> list[tuple[Any, ...]]:
    ENGINE.register("log", frame.to_arrow())
    try:
        return ENGINE.execute(question).fetchall()
    finally:
        ENGINE.unregister("log")


def last(days: int, grain: Any = "week") -> Period:
    return Period.last_days(days, NOW, BERLIN, grain)


@settings(max_examples=examples(8))
@given(rows=LOGS, by=st.sampled_from(["week", "month"]), members=st.sets(st.integers(1, PEOPLE)))
def test_retention_cells_equal_duckdb(
    rows: list[dict[str, Any]], by: retention.Cohorts, members: set[int]
) -> None:
    frame, period = frame_of(rows), last(100)
    chosen = pl.Series(sorted(members), dtype=pl.Int64) if members else None
    found = retention.retention(facts_of(frame), period, NOW, by, chosen)
    among = f"AND customer_id IN ({', '.join(map(str, members))})" if members else ""
    told = ask(
        frame,
        f"""
        WITH bought AS (SELECT DISTINCT customer_id, {LOCAL_DAY} AS day FROM ({ORDERS})
                        WHERE true {among}),
        born AS (SELECT customer_id, min(day) AS first FROM bought GROUP BY 1),
        pairs AS (
          SELECT date_trunc('{by}', first)::DATE AS cohort,
            datediff('{by}', date_trunc('{by}', first), date_trunc('{by}', day)) AS n, customer_id
          FROM bought JOIN born USING (customer_id)
          WHERE first >= DATE '{period.since.astimezone(BERLIN).date()}')
        SELECT cohort, n, count(DISTINCT customer_id) FROM pairs GROUP BY 1, 2 ORDER BY 1, 2
        """,
    )
    cells = found.cells.filter(pl.col("customers") > 0).select("cohort", "offset", "customers")
    assert cells.rows() == told
    sizes = dict(found.cohorts.iter_rows())
    assert all(n == sizes[c] for c, offset, n in told if offset == 0)
    for cohort, _, n, share, _ in found.cells.iter_rows():
        assert share == n / sizes[cohort]
    late = found.cells.filter(~pl.col("is_complete"))
    assert late.height == found.cohorts.height  # the present one of each, and no other


@settings(max_examples=examples(8))
@given(rows=LOGS)
def test_rfm_counts_equal_duckdb_and_the_rules_of_the_groups(rows: list[dict[str, Any]]) -> None:
    frame = frame_of(rows)
    facts = facts_of(frame)
    found = rfm_groups.rfm_groups(facts, NOW, 60)
    told = ask(
        frame,
        f"""
        WITH bought AS (
          SELECT customer_id, max(ts) AS last, count(*) AS orders FROM ({ORDERS})
          WHERE ts >= TIMESTAMPTZ '{(NOW - timedelta(days=60)).isoformat()}' GROUP BY 1)
        SELECT 1 + (5 * (rank() OVER (ORDER BY last) - 1)) // count(*) OVER () AS r,
               1 + (5 * (rank() OVER (ORDER BY orders) - 1)) // count(*) OVER () AS f
        FROM bought
        """,
    )
    cells = {(r, f): n for r, f, _, n in found.cells.iter_rows()}
    assert {cell: n for cell, n in cells.items() if n} == {
        cell: told.count(cell) for cell in set(told)
    }
    assert found.customers == len(told) == found.groups["customers"].sum()
    window = {"type": "last", "amount": 60}
    rules = {
        key: parse({"type": "rfm", "groups": [key], "window": window})
        for key in found.groups["group"]
    }
    met = matching_many(rules, facts, NOW)
    assert [met[key].len() for key in rules] == found.groups["customers"].to_list()
    ids, place = rfm_groups.groups_by_customer(facts, NOW, 60)
    assert np.bincount(place, minlength=11).tolist() == found.groups["customers"].to_list()
    assert ids.size == found.customers


@settings(max_examples=examples(8))
@given(rows=st.lists(EVENT, min_size=30, max_size=90))
def test_gaps_and_their_quantiles_equal_duckdb(rows: list[dict[str, Any]]) -> None:
    frame = frame_of(rows)
    facts = facts_of(frame)
    gaps = ask(
        frame,
        f"""
        SELECT gap FROM (
          SELECT day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap
          FROM (SELECT DISTINCT customer_id, {LOCAL_DAY} AS day FROM ({ORDERS})))
        WHERE gap IS NOT NULL ORDER BY 1
        """,
    )
    found = lapse.lapse(facts, NOW)
    if len(gaps) < lapse.LEAST_GAPS:
        assert found is None
        return
    assert found is not None
    assert found.gaps == len(gaps)
    told = [gaps[-(-int(q * 100) * len(gaps) // 100) - 1][0] for q in lapse.QUANTILES]
    assert found.thresholds["days"].to_list() == told
    for days, n in found.thresholds.select("days", "customers").iter_rows():
        assert matching(parse(silent_for(days)), facts, NOW).collect().height == n
    assert found.survival["waiting"].is_sorted(descending=True)


def test_precision_and_recall_are_those_of_the_days_held_back() -> None:
    """Eleven buy every 10 days; five of them stop on day 40 of 90, one more pauses for 20 days."""
    days: dict[int, list[int]] = {}
    for customer in range(1, 12):
        days[customer] = [d for d in range(0, 90, 10) if customer > 5 or d <= 40]
    days[6] = [d for d in days[6] if d not in {50, 60}] + [65]
    told = []
    for customer, own in days.items():
        for d in own:
            ago = timedelta(days=90 - d)
            told.append({"customer_id": customer, "kind": 5, "ts": NOW - ago, "value": 100,
                         "order_key": d})  # fmt: skip
    frame = pl.DataFrame(told, schema_overrides={"ts": pl.Datetime("us", "UTC")})
    people = pl.DataFrame({"customer_id": range(1, 12)})
    found = lapse.lapse(Facts.of(frame, people, zone="UTC"), NOW)
    assert found is not None
    assert (found.held, found.judged, found.quiet) == (30, 11, 5 / 11)
    row = found.thresholds.row(0, named=True)
    assert row["days"] == 10
    # On day 60: silent for more than 10 days were the five and the one who came back on day 65.
    assert (row["flagged"], row["precision"], row["recall"]) == (6, 5 / 6, 1.0)


@settings(max_examples=examples(8))
@given(rows=LOGS, acts=st.sampled_from(["reactions", "orders"]))
def test_hours_equal_duckdb(rows: list[dict[str, Any]], acts: send_hours.Acts) -> None:
    frame, period = frame_of(rows), last(60, "day")
    groups = {"Odd": np.array([1, 3, 5]), "All": np.arange(1, PEOPLE + 1), "None": np.array([99])}
    found = send_hours.send_hours(facts_of(frame), period, groups, acts)
    source = ORDERS if acts == "orders" else (
        "SELECT * FROM log WHERE kind IN (13, 14) AND NOT coalesce(machine, false)"
    )  # fmt: skip
    for name, ids in groups.items():
        told = ask(
            frame,
            f"SELECT hour(timezone('Europe/Berlin', ts)), count(*) FROM ({source}) "
            f"WHERE customer_id IN ({', '.join(map(str, ids))}) "
            f"AND ts >= TIMESTAMPTZ '{period.since.isoformat()}' GROUP BY 1",
        )
        mine = found.hours.filter(pl.col("group") == name, pl.col("acts") > 0)
        assert dict(mine.select("hour", "acts").iter_rows()) == dict(told)
        assert found.best[name] is None  # fewer than a hundred are a matter of luck


@settings(max_examples=examples(8))
@given(rows=LOGS)
def test_conversion_equals_duckdb(rows: list[dict[str, Any]]) -> None:
    frame = frame_of(rows)
    made = funnel.conversion(facts_of(frame), last(60, "day"))
    steps = "kind IN (1, 2, 4, 5)"
    sessions, ordered, active, buyers, views, lines = ask(
        frame,
        f"""
        SELECT count(DISTINCT (customer_id, session_key)) FILTER ({steps} AND session_key NOTNULL),
          count(DISTINCT (customer_id, session_key)) FILTER (kind = 5 AND session_key NOTNULL),
          count(DISTINCT customer_id) FILTER (kind < 10),
          count(DISTINCT customer_id) FILTER (kind = 5),
          count(*) FILTER (kind = 1), count(*) FILTER (kind = 5)
        FROM log WHERE ts >= TIMESTAMPTZ '{last(60, "day").since.isoformat()}'
        """,
    )[0]
    assert made.by_session == (ordered / sessions if sessions else None)
    assert made.by_customer == (buyers / active if active else None)
    assert made.by_product_view == (lines / views if views else None)


def shop(customers: int, seed: int) -> pl.DataFrame:
    """Customers who buy at rates of their own over 200 days; every third stops half-way."""
    chance = np.random.default_rng(seed)
    rows = []
    for customer in range(1, customers + 1):
        at, end = chance.uniform(0, 60), 100 if customer % 3 == 0 else 200
        while at < end:
            rows.append((customer, NOW - timedelta(days=200 - at), int(chance.gamma(4, 500)) + 1))
            at += chance.exponential(10 + customer % 40)
    names = ["customer_id", "ts", "value"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(kind=pl.lit(5), order_key=pl.int_range(pl.len()))


def test_the_outlook_adds_up_to_what_rules_say_of_each_customer() -> None:
    model = Model(
        NOW.date(), NOW, BgNbd(0.6, 20.0, 0.9, 2.8), GammaGamma(5.0, 4.0, 1_500.0), 10, 5, -1.0, 0.1
    )
    people = pl.DataFrame({"customer_id": range(1, 41)})
    facts = Facts.of(shop(40, 3), people, models=Models("m", (model,)))
    found = predicting.outlook(facts, NOW, 90)
    assert found is not None
    assert found.customers == 40 == sum(found.by_chance) == found.tenths["customers"].sum()
    assert found.value == found.tenths["value"].sum()
    assert found.orders == pytest.approx(found.tenths["orders"].sum())
    best = found.tenths.row(0, named=True)
    rule = {"type": "predicted", "what": "predicted_value", "n": best["least"], "days": 90}
    assert matching(parse(rule), facts, NOW).collect().height >= best["customers"]
    each = [predicting.of_customer(facts, n, NOW) for n in range(1, 41)]
    assert sum(one.value or 0 for one in each if one) == found.value
    assert sum(one.orders for one in each if one) == pytest.approx(found.orders)
    gone = {"type": "predicted", "what": "probability_alive", "op": "less_than", "n": 0.5}
    assert matching(parse(gone), facts, NOW).collect().height == sum(found.by_chance[:5])


def test_a_forecast_is_checked_against_the_days_that_were_held_back() -> None:
    people = pl.DataFrame({"customer_id": range(1, 301)})
    found = fared.check(Facts.of(shop(300, 5), people, zone="Europe/Berlin"), NOW)
    assert found is not None
    assert (found.until - found.since).days == 63
    orders = shop(300, 5).with_columns(
        day=pl.col("ts").dt.convert_time_zone("Europe/Berlin").dt.date()
    )
    known = orders.filter(pl.col("day") < found.since)["customer_id"].unique()
    held = orders.filter(
        pl.col("day") >= found.since, pl.col("day") < found.until,
        pl.col("customer_id").is_in(known.implode()),
    )  # fmt: skip
    assert found.customers == known.len() == found.classes["customers"].sum()
    assert found.actual == held.select("customer_id", "day").unique().height
    assert found.actual == found.course["actual"][-1] == found.classes["actual"].sum()
    assert found.expected == pytest.approx(found.course["expected"][-1])
    for end, so_far in found.course.select("day", "actual").iter_rows():
        until = held.filter(pl.col("day") <= end).select("customer_id", "day")
        assert so_far == until.unique().height
    assert found.error is not None
    assert abs(found.error) < 0.3  # they do not buy as the model has it, but nearly


def test_nobody_one_customer_and_no_orders_are_told_as_such() -> None:
    nothing = Facts.of(pl.DataFrame(schema=EVENT_COLUMNS), pl.DataFrame({"customer_id": [1]}))
    view = {"customer_id": 1, "kind": 1, "ts": NOW - timedelta(days=60)}
    order = {"customer_id": 1, "kind": 5, "ts": NOW - timedelta(days=50), "value": 900}
    frame = pl.DataFrame([view, order], schema_overrides={"ts": pl.Datetime("us", "UTC")})
    one = Facts.of(frame, pl.DataFrame({"customer_id": [1]}))
    looker = Facts.of(frame.head(1), pl.DataFrame({"customer_id": [1]}))
    for facts, buyers in ((nothing, 0), (looker, 0), (one, 1)):
        found = retention.retention(facts, last(90), NOW)
        assert found.cohorts["size"].sum() == buyers
        groups = rfm_groups.rfm_groups(facts, NOW)
        assert groups.customers == buyers
        assert groups.groups["share"].is_null().all() == (buyers == 0)
        assert lapse.lapse(facts, NOW) is None
        assert predicting.outlook(facts, NOW) is None
        assert fared.check(facts, NOW) is None
        assert "there are 0" in predicting.reason(facts, NOW)
        hours = send_hours.send_hours(facts, last(90, "day"), {"All": np.array([1])})
        assert hours.acts == "orders"
        assert hours.hours["acts"].sum() == buyers
    assert funnel.conversion(nothing, last(90, "day")) == funnel.Conversion(None, None, None)
    # Alone among all with orders: nobody is worse, so the scores are the lowest.
    assert rfm_groups.rfm_groups(one, NOW).groups.filter(pl.col("customers") == 1)["group"][0] == (
        "lost"
    )


def test_a_period_with_too_many_cohorts_is_refused() -> None:
    facts = Facts.of(pl.DataFrame(schema=EVENT_COLUMNS), pl.DataFrame({"customer_id": [1]}))
    with pytest.raises(InvalidPeriod, match="more than 120 weeks"):
        retention.retention(facts, last(1_000), NOW, "week")
