"""Every figure equals the same question put to another engine, in its own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.analytics import (
    engagement,
    engagement_by,
    funnel,
    overview,
    revenue,
    segment_performance,
)
from segmind.analytics.attribution import ledger
from segmind.analytics.period import Grain, InvalidPeriod, Period
from segmind.analytics.rule import last_click
from segmind.analytics.which import Which
from segmind.customers.facts import Facts
from segmind.events.schema import EVENT_COLUMNS, Kind
from tests.trying import examples

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2026, 3, 9, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)

SHOP = st.fixed_dictionaries(
    {
        "customer_id": st.integers(1, 4),
        "kind": st.sampled_from([1, 2, 4, 5, 6]),
        "minute": st.integers(-4 * 1440, 8 * 1440),
        "session_key": st.none() | st.integers(1, 3),
        "order_key": st.none() | st.integers(1, 3),
        "value": st.integers(0, 5_000),
    }
)
MESSAGE = st.fixed_dictionaries(
    {
        "customer_id": st.integers(1, 4),
        "kind": st.sampled_from([10, 11, 12, 13, 14, 15, 16]),
        "minute": st.integers(-8 * 1440, 8 * 1440),
        "message_id": st.integers(1, 6),
        "machine": st.none() | st.booleans(),
    }
)
LOGS = st.tuples(st.lists(SHOP, max_size=40), st.lists(MESSAGE, max_size=30))


def frame_of(shop: list[dict[str, int]], messages: list[dict[str, int]]) -> pl.DataFrame:
    rows = []
    for i, row in enumerate([*shop, *messages]):
        row = dict(row)
        row["ts"] = SINCE + row.pop("minute") * MINUTE
        row["event_lo"] = i
        if "message_id" in row:
            # A message has one channel and one source, whatever is told of it.
            row["channel"] = row["message_id"] % 3 + 1
            row["source_kind"] = row["message_id"] % 2 + 1
            row["source_id"] = row["message_id"] // 3
        rows.append(row)
    frame = pl.DataFrame(rows, schema_overrides=dict(EVENT_COLUMNS), infer_schema_length=None)
    missing = [pl.lit(None, dtype=t).alias(n) for n, t in EVENT_COLUMNS.items() if n not in frame]
    return frame.with_columns(missing).select(
        pl.col(n).cast(t) for n, t in EVENT_COLUMNS.items()
    ).with_columns(event_hi=pl.lit(1, pl.Int64))  # fmt: skip


#: One engine for all questions: opening one takes longer than any of them.
ENGINE = duckdb.connect(config={"threads": 1})
ENGINE.execute("SET TimeZone = 'UTC'")


def ask(frame: pl.DataFrame, question: str) -> list[tuple[object, ...]]:
    ENGINE.register("log", frame.to_arrow())
    try:
        return ENGINE.execute(question).fetchall()
    finally:
        ENGINE.unregister("log")


def facts_of(frame: pl.DataFrame) -> Facts:
    people = pl.DataFrame({"customer_id": [1, 2, 3, 4]})
    return Facts.of(frame, people, zone="Europe/Berlin")


PERIOD = Period(SINCE, UNTIL, BERLIN)
WINDOW = f"ts >= '{SINCE.isoformat()}' AND ts < '{UNTIL.isoformat()}'"
ORDER_ID = (
    "CASE WHEN order_key IS NOT NULL THEN 'o' || order_key "
    "WHEN session_key IS NOT NULL THEN 's' || session_key ELSE 'e' || event_lo END"
)
ORDERS = f"""
  SELECT customer_id, {ORDER_ID} AS id, max(order_key) AS order_key, min(ts) AS ts,
         sum(value)::BIGINT AS gross
  FROM log WHERE kind = 5 AND ts < '{UNTIL.isoformat()}' GROUP BY ALL
"""


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS)
def test_revenue_equals_duckdb(log: tuple[list[dict[str, int]], list[dict[str, int]]]) -> None:
    frame = frame_of(*log)
    facts = facts_of(frame)
    made = revenue.summary(facts, PERIOD, ledger(facts, PERIOD))
    gross, refunds = ask(
        frame,
        "SELECT coalesce(sum(value) FILTER (kind = 5), 0), "
        f"coalesce(sum(value) FILTER (kind = 6), 0) FROM log WHERE {WINDOW}",
    )[0]
    orders, buyers = ask(
        frame, f"SELECT count(*), count(DISTINCT customer_id) FROM ({ORDERS}) WHERE {WINDOW}"
    )[0]
    assert (made.gross, made.refunds, made.orders, made.buyers) == (gross, refunds, orders, buyers)
    days = ask(
        frame,
        "SELECT date_trunc('day', timezone('Europe/Berlin', ts)), "
        "coalesce(sum(value) FILTER (kind = 5), 0), coalesce(sum(value) FILTER (kind = 6), 0) "
        f"FROM log WHERE {WINDOW} AND kind IN (5, 6) GROUP BY 1 ORDER BY 1",
    )
    course = revenue.over_time(facts, PERIOD)
    told = course.filter((pl.col("gross") > 0) | (pl.col("refunds") > 0))
    assert [r[:3] for r in told.rows()] == [d for d in days if d[1] or d[2]]
    assert course["orders"].sum() == orders
    by_hour = revenue.over_time(facts, Period(SINCE, UNTIL, BERLIN, "hour"))
    assert by_hour.select(pl.exclude("bucket")).sum().rows() == (
        course.select(pl.exclude("bucket")).sum().rows()
    )


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS, days=st.integers(1, 7))
def test_last_click_equals_duckdb_and_never_credits_more_than_the_orders(
    log: tuple[list[dict[str, int]], list[dict[str, int]]], days: int
) -> None:
    frame = frame_of(*log)
    book = ledger(facts_of(frame), PERIOD, last_click(days))
    told = ask(
        frame,
        f"""
        WITH orders AS (SELECT * FROM ({ORDERS}) WHERE {WINDOW}),
        back AS (
          SELECT customer_id, order_key, sum(value)::BIGINT AS back FROM log
          WHERE kind = 6 AND order_key IS NOT NULL AND {WINDOW} GROUP BY ALL),
        net AS (
          SELECT o.*, greatest(gross - coalesce(back, 0), 0) AS net
          FROM orders o LEFT JOIN back USING (customer_id, order_key)),
        ranked AS (
          SELECT net.customer_id, net.id, net.net, c.message_id, c.channel,
            row_number() OVER (PARTITION BY net.customer_id, net.id
                               ORDER BY c.ts DESC, c.message_id DESC) AS nth
          FROM net JOIN log c ON c.customer_id = net.customer_id AND c.kind = 14
            AND NOT coalesce(c.machine, false)
            AND c.ts <= net.ts AND c.ts >= net.ts - INTERVAL '{days * 24} hours')
        SELECT channel, count(*), sum(net)::BIGINT FROM ranked WHERE nth = 1 GROUP BY 1 ORDER BY 1
        """,
    )
    mine = book.by("channel").sort("channel").select("channel", "orders", "revenue").rows()
    assert mine == told
    assert 0 <= book.credited <= book.net
    assert book.entries["order_id"].is_unique().all()
    assert revenue.attributed_over_time(book)["revenue"].sum() == book.credited


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS)
def test_engagement_equals_duckdb(log: tuple[list[dict[str, int]], list[dict[str, int]]]) -> None:
    frame = frame_of(*log)
    facts = facts_of(frame)
    human, machine = "AND NOT coalesce(machine, false)", "AND coalesce(machine, false)"
    columns = ", ".join(
        f"count(DISTINCT message_id) FILTER (kind = {int(kind)} "
        f"{'' if by is None else machine if by else human}) AS {name}"
        for name, (kind, by) in engagement.METRICS.items()
    )
    told = ask(frame, f"SELECT channel, {columns} FROM log WHERE {WINDOW} AND message_id IS NOT "
               "NULL GROUP BY 1 ORDER BY 1")  # fmt: skip
    mine = engagement.by_channel(facts, PERIOD)
    assert mine.rows() == told
    course = engagement.over_time(facts, PERIOD)
    summed = course.group_by("channel").agg(pl.col(list(engagement.METRICS)).sum()).sort("channel")
    # A receipt told twice on two days counts on the first, so the course sums to the totals.
    assert summed.rows() == mine.rows()


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS, ids=st.sets(st.integers(1, 5)), gone=st.booleans())
def test_engagement_of_a_segment_and_by_segment_and_day_equals_duckdb(
    log: tuple[list[dict[str, int]], list[dict[str, int]]], ids: set[int], gone: bool
) -> None:
    shop, messages = log
    # A message goes to one customer; with ``gone`` customer 4 has been merged into customer 1.
    told = [{**row, "customer_id": row["message_id"] % 4 + 1} for row in messages]
    frame = frame_of(shop, told)
    merged = pl.DataFrame({"from_id": [4] * gone, "into_id": [1] * gone})
    people = pl.DataFrame({"customer_id": [1, 2, 3] if gone else [1, 2, 3, 4]})
    facts = Facts.of(frame, people, zone="Europe/Berlin", merges=merged)
    members = {
        7: pl.Series(sorted(ids - {4} if gone else ids), dtype=pl.Int64),
        8: people.to_series(),
    }
    chosen = ", ".join(map(str, members[7])) or "-1"
    whose = "CASE customer_id WHEN 4 THEN 1 ELSE customer_id END" if gone else "customer_id"
    sums = [
        ask(
            frame,
            f"SELECT count(DISTINCT message_id) FILTER (kind = 10), "
            "count(DISTINCT message_id) FILTER (kind = 14 AND NOT coalesce(machine, false)) "
            f"FROM log WHERE {WINDOW} AND message_id IS NOT NULL {narrowed}",
        )[0]
        for narrowed in (f"AND {whose} IN ({chosen})", "")
    ]
    table = engagement_by.by_segment(facts, PERIOD, members)
    assert table.select("sent", "clicked").rows() == sums
    narrowed = engagement.totals(facts, PERIOD, Which(customers=members[7]))
    assert (narrowed["sent"], narrowed["clicked"]) == sums[0]
    days = ask(
        frame,
        "SELECT day, count(*) FROM (SELECT message_id, date_trunc('day', min(timezone("
        f"'Europe/Berlin', ts)))::DATE AS day FROM log WHERE {WINDOW} AND kind = 10 AND {whose} IN "
        f"({chosen}) GROUP BY 1) GROUP BY 1 ORDER BY 1",
    )
    by_day = engagement_by.by_day(facts, PERIOD, Which(customers=members[7]))
    assert by_day.filter(pl.col("sent") > 0).select("day", "sent").rows() == days
    book = ledger(facts, PERIOD)
    entries = book.entries.filter(pl.col("customer_id").is_in(members[7].implode()))
    assert book.only(Which(customers=members[7])).credited == entries["credited"].sum()


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS)
def test_the_funnel_and_abandonment_equal_duckdb(
    log: tuple[list[dict[str, int]], list[dict[str, int]]],
) -> None:
    frame = frame_of(*log)
    facts = facts_of(frame)
    kinds = {key: int(kind) for key, _, kind in funnel.STEPS}
    for by, whole in (
        ("session", "(customer_id, session_key)"),
        ("customer", "customer_id"),
    ):
        alive = "AND session_key IS NOT NULL" if by == "session" else ""
        made = funnel.product_funnel(facts, PERIOD, by)  # type: ignore[arg-type]
        for step in made.steps:
            told = ask(
                frame,
                f"SELECT count(DISTINCT {whole}) FROM log WHERE {WINDOW} {alive} "
                f"AND kind = {kinds[step.key]}",
            )
            assert (step.count,) == told[0]
    shares = funnel.abandonment(facts, PERIOD)
    added, ordered = (
        ask(frame, f"SELECT count(*) FROM log WHERE {WINDOW} AND kind = {k}")[0][0] for k in (2, 5)
    )
    expected = 1 - ordered / added if added else None  # type: ignore[operator]
    assert shares.by_cart_event == expected


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS, ids=st.sets(st.integers(1, 5)))
def test_segment_performance_equals_duckdb(
    log: tuple[list[dict[str, int]], list[dict[str, int]]], ids: set[int]
) -> None:
    frame = frame_of(*log)
    members = {7: pl.Series(sorted(ids), dtype=pl.Int64)}
    row = segment_performance.table(facts_of(frame), members, PERIOD).row(0, named=True)
    chosen = ", ".join(map(str, sorted(ids))) or "-1"
    net = ask(
        frame,
        "SELECT coalesce(sum(CASE kind WHEN 5 THEN value WHEN 6 THEN -value END), 0)::BIGINT "
        f"FROM log WHERE {WINDOW} AND customer_id IN ({chosen})",
    )[0][0]
    buyers = ask(
        frame,
        f"SELECT count(DISTINCT customer_id) FROM ({ORDERS}) WHERE {WINDOW} "
        f"AND customer_id IN ({chosen})",
    )[0][0]
    assert (row["net_revenue"], row["buyers"], row["size"]) == (net, buyers, len(ids))
    assert row["conversion_rate"] == (buyers / len(ids) if ids else None)  # type: ignore[operator]


@settings(max_examples=examples(10), deadline=None)
@given(log=LOGS, grain=st.sampled_from(["hour", "day", "week", "month"]))
def test_the_overview_has_a_course_that_fits_its_figures(
    log: tuple[list[dict[str, int]], list[dict[str, int]]], grain: Grain
) -> None:
    facts = facts_of(frame_of(*log))
    figures = overview.summary(facts, Period(SINCE, UNTIL, BERLIN, grain))
    for key in ("net_revenue", "attributed_revenue", "orders", "sent"):
        assert sum(figures[key].course) == figures[key].value, key
    assert max(figures["active_customers"].course) <= figures["active_customers"].value


def test_an_empty_log_answers_with_zeros_and_nothing_to_compare() -> None:
    facts = Facts.of(pl.DataFrame(schema=EVENT_COLUMNS), pl.DataFrame({"customer_id": [1]}))
    figures = overview.summary(facts, PERIOD)
    assert {f.value for f in figures.values()} == {0.0}
    assert {f.change for f in figures.values()} == {None}
    made = revenue.summary(facts, PERIOD, ledger(facts, PERIOD))
    assert (made.net, made.average_order, made.attributed_share) == (0, None, None)
    assert funnel.abandonment(facts, PERIOD).by_session is None
    assert [s.count for s in funnel.product_funnel(facts, PERIOD).steps] == [0, 0, 0]


def test_a_reversed_naive_or_endless_period_is_refused() -> None:
    with pytest.raises(InvalidPeriod, match="before it starts"):
        Period(UNTIL, SINCE, BERLIN)
    with pytest.raises(InvalidPeriod, match="aware"):
        Period(datetime(2026, 3, 1), UNTIL, BERLIN)  # noqa: DTZ001
    with pytest.raises(InvalidPeriod, match="2000 hours"):
        Period(SINCE, SINCE + timedelta(days=365), BERLIN, "hour")


def test_buckets_follow_the_zone_across_the_change_of_the_clocks() -> None:
    now = datetime(2026, 3, 30, 10, tzinfo=UTC)
    period = Period.last_days(3, now, BERLIN)
    assert period.since == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert [str(b)[:10] for b in period.buckets()["bucket"]] == [
        "2026-03-28",
        "2026-03-29",
        "2026-03-30",
    ]


def test_a_machine_click_earns_nothing() -> None:
    rows = [
        {"customer_id": 1, "kind": 5, "minute": 10, "session_key": None, "order_key": 1,
         "value": 100}
    ]  # fmt: skip
    click = {"customer_id": 1, "kind": int(Kind.MESSAGE_CLICKED), "minute": 5, "message_id": 1}
    for machine, credited in ((True, 0), (False, 100), (None, 100)):
        facts = facts_of(frame_of(rows, [{**click, "machine": machine}]))  # type: ignore[list-item]
        assert ledger(facts, PERIOD).credited == credited
