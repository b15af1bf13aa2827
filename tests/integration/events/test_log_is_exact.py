"""Whatever happened to the log, its answers are those of a naive reading of the raw events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.db.engine import Store
from segmind.events import (
    bulk,
    compact,
    derive,
    ingest,
    keys,
    log,
    reading,
    rolled_days,
    rollup,
    seal,
)
from segmind.events.ingest import NewEvent
from segmind.events.log import LogSnapshot
from segmind.events.rolled import ORDER_START_COLUMNS, ORDER_START_ORDER
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.events.vectors import order_days
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.vector import NEVER, NOT_YET, Vectors
from tests import log_oracle
from tests.log_oracle import Fact
from tests.trying import examples

#: Zones, each with a day near which its clocks do something odd.
ZONES = {
    "UTC": datetime(2026, 3, 1, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 3, 28, 23, tzinfo=UTC),  # 23-hour day
    "America/New_York": datetime(2026, 11, 1, 4, tzinfo=UTC),  # 25-hour day
    "Asia/Kolkata": datetime(2026, 3, 1, 18, 30, tzinfo=UTC),
    "America/Sao_Paulo": datetime(2017, 10, 15, 3, tzinfo=UTC),  # midnight is skipped
    "Pacific/Apia": datetime(2011, 12, 30, 10, tzinfo=UTC),  # a whole day is skipped
}
NAMES = {
    1: "product_viewed",
    2: "product_added",
    5: "order_completed",
    6: "order_refunded",
    10: "message_sent",
    20: "segment_entered",
    100: "custom",
}
ALL_KINDS = [0, 1, 2, 5, 6, 9, 10, 20, 100]


@st.composite
def instants(draw: st.DrawFn, odd: datetime) -> datetime:
    """Near the odd day, on a grid that makes same instants and gaps of exactly half an hour."""
    steps = draw(st.integers(-3 * 144, 2 * 144) | st.integers(-8, 8))
    return odd + timedelta(minutes=10 * steps, microseconds=draw(st.sampled_from([0, 0, 0, -1, 1])))


@st.composite
def fact_lists(draw: st.DrawFn, odd: datetime) -> list[Fact]:
    count = draw(st.integers(1, 40))
    key = st.sampled_from([None, "a", "b", "0190f3e2-7c1e-7000-8000-000000000001"])
    number = st.none() | st.integers(-3, 5)
    return [
        Fact(
            event_id=f"e{i}",
            ts=draw(instants(odd)),
            customer_id=draw(st.integers(1, 3)),
            kind=draw(st.sampled_from([*NAMES, 5, 5])),
            session=draw(key),
            order=draw(st.sampled_from([None, None, "o1", "o2"])),
            quantity=draw(number),
            value=draw(number),
        )
        for i in range(count)
    ]


@st.composite
def stories(draw: st.DrawFn, odd: datetime) -> list[tuple[str, object]]:
    """What happens to the log: facts come in by either door, and housekeeping at any moment."""
    facts = draw(fact_lists(odd))
    steps: list[tuple[str, object]] = []
    while facts:
        size = draw(st.integers(1, len(facts)))
        now, facts = facts[:size], facts[size:]
        steps.append((draw(st.sampled_from(["live", "live", "bulk"])), now))
        if draw(st.booleans()):
            steps.append(steps[-1])  # comes again
        steps += draw(st.lists(housekeeping(odd), max_size=3))
    return steps


def housekeeping(odd: datetime) -> st.SearchStrategy[tuple[str, object]]:
    return st.one_of(
        st.tuples(st.just("seal"), st.sampled_from([3, 1_000])),
        st.tuples(st.just("roll"), instants(odd)),
        st.tuples(st.just("roll"), st.just(odd + timedelta(days=3))),
        st.tuples(st.just("compact"), st.just(odd + timedelta(days=3))),
        st.tuples(st.just("merge"), st.sampled_from([(3, 2), (3, 1), (2, 1)])),
    )


def windows(odd: datetime) -> st.SearchStrategy[tuple[datetime | None, datetime | None]]:
    bound = st.none() | instants(odd)
    return st.tuples(bound, bound)


class Teller:
    """Acts a story out on a store, and keeps what the oracle has to know."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self.store = store
        self.zone = zone
        self.facts: list[Fact] = []
        self.merged: dict[int, int] = {}
        with store.engine.begin() as conn:
            tables = "event_recent, event_seen, event_file, event_file_retired, customer_merge"
            conn.execute(text(f"TRUNCATE {tables}"))
        reading._memories.clear()

    def act(self, step: str, detail: object) -> None:
        getattr(self, step)(detail)

    def live(self, facts: list[Fact]) -> None:
        with self.store.engine.begin() as conn:
            ingest.append(conn, [_as_event(f) for f in facts], facts[0].ts)
        self.facts += facts

    def bulk(self, facts: list[Fact]) -> None:
        bulk.append_bulk(self.store, _as_frame(facts), facts[0].ts)
        self.facts += facts

    def seal(self, limit: int) -> None:
        seal.seal(self.store, limit)

    def roll(self, now: datetime) -> None:
        rollup.roll(self.store, self.zone, now)

    def compact(self, now: datetime) -> None:
        compact.compact(self.store, now)

    def merge(self, pair: tuple[int, int]) -> None:
        if pair[0] in self.merged:
            return
        self.merged[pair[0]] = pair[1]
        with self.store.engine.begin() as conn:
            values = {"from": pair[0], "into": pair[1]}
            conn.execute(text("INSERT INTO customer_merge VALUES (:from, :into)"), values)

    def snapshot(self) -> LogSnapshot:
        engine = self.store.engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.begin() as conn:
            return log.read(conn, self.store, self.zone)


def _as_event(fact: Fact) -> NewEvent:
    return NewEvent(
        event_id=fact.event_id,
        name=NAMES[fact.kind],
        ts=fact.ts,
        customer_id=fact.customer_id,
        session_id=fact.session,
        order_id=fact.order,
        quantity=fact.quantity,
        value=fact.value,
    )


def _as_frame(facts: Iterable[Fact]) -> pl.DataFrame:
    rows = [
        {
            "event_hi": keys.halves(keys.event_id(f.event_id))[0],
            "event_lo": keys.halves(keys.event_id(f.event_id))[1],
            "ts": f.ts,
            "customer_id": f.customer_id,
            "kind": f.kind,
            "session_key": None if f.session is None else keys.key64(f.session),
            "order_key": None if f.order is None else keys.key64(f.order),
            "quantity": f.quantity,
            "value": f.value,
        }
        for f in facts
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def assert_exact(
    snapshot: LogSnapshot,
    facts: Iterable[Fact],
    merged: dict[int, int],
    since: datetime | None,
    until: datetime | None,
    engine: str = "in-memory",
) -> None:
    rows = log_oracle.counted(facts, ALL_KINDS, since, until, merged)
    answer = snapshot.totals(ALL_KINDS, since=since, until=until).collect(engine=engine)
    assert len(set(answer.iter_rows())) == answer.height
    assert set(answer.iter_rows()) == log_oracle.totals(rows)
    starts = snapshot.session_starts(since=since, until=until).collect(engine=engine)
    assert sorted(starts.select("ts", "customer_id").rows()) == sorted(
        row[:2] for row in rows if row[2] == Kind.SESSION
    )
    by_day = snapshot.daily(ALL_KINDS, since=since, until=until).collect(engine=engine)
    assert set(by_day.iter_rows()) == log_oracle.daily(rows, snapshot.zone)
    assert_vectors_are_exact(snapshot, answer, by_day, Span(since, until))


def assert_vectors_are_exact(
    snapshot: LogSnapshot, totals: pl.DataFrame, daily: pl.DataFrame, window: Span
) -> None:
    vectors = snapshot.vectors(size=4)
    for kind in (0, 1, 5, 9):
        own = totals.filter(pl.col("kind") == kind, pl.col("n") > 0)
        days = daily.filter(pl.col("kind") == kind, pl.col("n") > 0)
        ids = own["customer_id"].to_numpy()
        answers = {
            "n": vectors.counts(kind, window),
            "value": vectors.values(kind, window),
            "first_ts": vectors.first(kind, window),
            "last_ts": vectors.last(kind, window),
        }
        for column, answer in answers.items():
            missing = {"first_ts": NOT_YET, "last_ts": NEVER}.get(column, 0)
            expected = np.full(4, missing, dtype=np.int64)
            expected[ids] = own[column].cast(pl.Int64).to_numpy()
            assert answer.tolist() == expected.tolist(), (kind, column)
        customers, instants = vectors.instants(kind, window)
        often = np.bincount(customers, minlength=4)
        assert often.tolist() == answers["n"].tolist(), (kind, "instants")
        for customer in ids:
            its = instants[customers == customer]
            assert its.min() == answers["first_ts"][customer], (kind, customer)
            assert its.max() == answers["last_ts"][customer], (kind, customer)
        different = np.bincount(days["customer_id"].to_numpy(), minlength=4)
        assert vectors.days(kind, window).tolist() == different.tolist(), kind
        assert_buyers_have_the_same(vectors, kind, window)
    ordered = daily.filter(pl.col("kind") == Kind.ORDER, pl.col("n") > 0)
    pairs = vectors.order_days(window)
    told = zip(order_days.customers_of(pairs), order_days.days_of(pairs), strict=True)
    by_day = ordered.select("customer_id", pl.col("day").to_physical()).sort(pl.all()).rows()
    assert [(int(who), int(day)) for who, day in told] == by_day


def assert_buyers_have_the_same(vectors: Vectors, kind: int, window: Span) -> None:
    """What is told of buyers alone is what is told of everybody."""
    buyers, zone = vectors.buyers, vectors.rolled.zone
    assert set(np.flatnonzero(vectors.counts(Kind.ORDER, Span()))) <= set(buyers.ids.tolist())
    for theirs, all_of_them in (
        (buyers.counts, vectors.counts),
        (buyers.values, vectors.values),
        (buyers.days, vectors.days),
        (buyers.first, vectors.first),
        (buyers.last, vectors.last),
    ):
        assert theirs(kind, window).tolist() == all_of_them(kind, window)[buyers.ids].tolist()
    did = buyers.counts(kind, window) > 0
    for day, instant in ((buyers.first_day, buyers.first), (buyers.last_day, buyers.last)):
        on = day_numbers(instant(kind, window)[did], zone)
        assert day(kind, window)[did].tolist() == on.tolist()
        missing = NOT_YET if day == buyers.first_day else NEVER
        assert (day(kind, window)[~did] == missing).all()


def assert_orders_are_listed(snapshot: LogSnapshot) -> None:
    """What rolled days list of orders is what their raw lines say, in the order promised."""
    rolled = snapshot.rolled
    for day, span in rolled.spans.items():
        listed = rolled.of_untouched(rolled.order_starts([day])).collect()
        parts = derive.order_parts(rolled.rows, [span]).filter(pl.col("n") == 1)
        raw = parts.with_columns(ts="start").select(*ORDER_START_COLUMNS)
        assert listed.equals(rolled.of_untouched(raw).sort(ORDER_START_ORDER).collect())
        kept = rolled.days[day]
        for path, order in zip(kept.paths, rolled_days.ORDERS, strict=True):
            rows = pl.read_parquet(path, hive_partitioning=False)
            assert rows.equals(rows.sort(order, maintain_order=True))


@pytest.mark.parametrize("zone", ZONES)
@settings(
    max_examples=examples(3),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_answers_equal_a_naive_reading_whatever_happened_to_the_log(
    store: Store, zone: str, data: st.DataObject
) -> None:
    odd = ZONES[zone]
    story = data.draw(stories(odd))
    teller = Teller(store, ZoneInfo(zone))
    for step, detail in story:
        note(f"{step}: {detail}")
        teller.act(step, detail)
        if step in ("roll", "merge"):
            assert_exact(teller.snapshot(), teller.facts, teller.merged, None, None)
            assert_orders_are_listed(teller.snapshot())
    snapshot = teller.snapshot()
    note(f"rolled: {sorted(snapshot.rolled.days)}, unseen: {snapshot.rolled.unseen}")
    assert snapshot.events().collect().height == len({f.event_id for f in teller.facts})
    for since, until in data.draw(st.lists(windows(odd), min_size=1, max_size=4)):
        assert_exact(snapshot, teller.facts, teller.merged, since, until, "streaming")


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_answers_in_memory_equal_a_naive_reading(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(sorted(ZONES)))
    facts = data.draw(fact_lists(ZONES[zone]))
    since, until = data.draw(windows(ZONES[zone]))
    pairs = {"from_id": [3], "into_id": [1]}
    snapshot = LogSnapshot.of(_as_frame(facts), zone=zone, merges=pl.DataFrame(pairs))
    assert_exact(snapshot, facts, {3: 1}, since, until)


def test_an_order_is_worth_what_it_had_come_to_by_the_end_of_the_window() -> None:
    start = datetime(2026, 3, 1, 23, tzinfo=UTC)
    lines = [
        Fact(f"e{i}", start + timedelta(hours=i), 1, Kind.ORDER_COMPLETED, order="o", value=100)
        for i in range(3)
    ]
    snapshot = LogSnapshot.of(_as_frame(lines))
    by_two = snapshot.totals([Kind.ORDER], until=start + timedelta(hours=2)).collect()
    assert by_two.select("n", "value").row(0) == (1, 200)
    assert snapshot.totals([Kind.ORDER], since=start + timedelta(hours=1)).collect().is_empty()
