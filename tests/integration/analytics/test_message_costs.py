"""What messages cost, and credit by step and variant, from messages in PostgreSQL."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import text

from segmind.analytics import credit_by, message_costs, roi
from segmind.analytics.attribution import ledger
from segmind.analytics.period import Period
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.messages.tables import message
from tests.conftest import NOW

PERIOD = Period(NOW - timedelta(days=40), NOW, ZoneInfo("Europe/Berlin"))
MIDNIGHT = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)  # already March in Berlin


def put(store: Store, **columns: Any) -> int:
    """A message that a provider took; returns its id."""
    values = {
        "public_id": uuid.uuid4(), "source_kind": 1, "source_id": 7, "channel": 2,
        "address_hash": uuid.uuid4().bytes, "template_version_id": 1, "state": 3,
        "due_at": NOW, "expires_at": NOW, "created_at": NOW, "sent_at": NOW - timedelta(days=1),
        "provider": "twilio", "segments": 2, "cost_micros": 15_800, "customer_id": None,
    } | columns  # fmt: skip
    with store.engine.begin() as conn:
        made = conn.execute(message.insert().values(values).returning(message.c.id))
        return int(made.scalar_one())


def test_costs_are_those_at_the_hand_over_by_month_provider_and_channel(store: Store) -> None:
    put(store)
    put(store, sent_at=MIDNIGHT)
    put(store, sent_at=MIDNIGHT - timedelta(hours=1))
    put(store, channel=1, provider="sendgrid", segments=None, cost_micros=400)
    put(store, purpose="test")
    put(store, state=6)
    put(store, sent_at=NOW)  # the period ends before it
    put(store, sent_at=PERIOD.since - timedelta(seconds=1))
    with store.engine.connect() as conn:
        found = message_costs.costs(conn, PERIOD)
    by_month = found.group_by("month", "channel").agg(pl.col("messages", "parts", "micros").sum())
    march, february = datetime(2026, 3, 1), datetime(2026, 2, 1)  # noqa: DTZ001 - local months
    assert sorted(by_month.rows()) == [
        (february, 2, 1, 2, 15_800),
        (march, 1, 1, 1, 400),
        (march, 2, 2, 4, 31_600),
    ]
    assert set(found["provider"]) == {"twilio", "sendgrid"}


def _sums(store: Store, period: Period) -> list[tuple[object, ...]]:
    with store.engine.connect() as conn:
        return sorted(message_costs.costs(conn, period).rows())


def test_days_added_up_once_cost_what_their_messages_do(store: Store) -> None:
    chance = random.Random(5)
    moments = [PERIOD.since + timedelta(minutes=chance.uniform(-3_000, 55_000)) for _ in range(60)]
    moments += [datetime(2026, 2, 20, hour, 15 * quarter, tzinfo=UTC)
                for hour, quarter in ((0, 0), (23, 1), (22, 3))]  # fmt: skip
    for moment in moments:
        put(store, sent_at=moment, source_id=chance.choice((7, 8)), provider=None)
    ends = [PERIOD.since, NOW, *chance.sample(moments, 8), datetime(2026, 2, 20, tzinfo=UTC)]
    kolkata = ZoneInfo("Asia/Kolkata")
    periods = [
        Period(since, until, zone, "month")
        for since in ends
        for until in ends
        if since < until
        for zone in (PERIOD.zone, kolkata)
    ]
    plain = [_sums(store, period) for period in periods]
    for now in (NOW - timedelta(days=12), NOW, NOW + timedelta(hours=2)):
        for _ in range(2):
            with store.engine.begin() as conn:
                message_costs.roll(conn, now)
        assert [_sums(store, period) for period in periods] == plain
    with store.engine.connect() as conn:
        rolled = conn.execute(text("SELECT sum(messages) FROM message_cost")).scalar_one()
    assert rolled == sum(moment < datetime(2026, 3, 1, tzinfo=UTC) for moment in moments)


def test_what_is_sent_after_adding_up_counts_and_what_was_put_beneath_it_after_forgetting(
    store: Store,
) -> None:
    with store.engine.begin() as conn:
        message_costs.roll(conn, NOW)
    put(store, sent_at=NOW - timedelta(hours=3))
    assert _sums(store, PERIOD)[0][-1] == 15_800
    put(store, sent_at=MIDNIGHT)
    assert len(_sums(store, PERIOD)) == 1
    with store.engine.begin() as conn:
        message_costs.forget(conn)
    assert len(_sums(store, PERIOD)) == 1
    assert _sums(store, PERIOD)[0][-1] == 31_600


def test_nothing_sent_costs_nothing(store: Store) -> None:
    with store.engine.connect() as conn:
        found = message_costs.costs(conn, PERIOD)
    assert found.schema == pl.Schema(message_costs.COST_COLUMNS)
    assert found.is_empty()


def test_credit_goes_to_the_step_and_the_variant_of_the_message(store: Store) -> None:
    first = put(store, step="a")
    second = put(store, step="b")
    third = put(store, source_kind=2, source_id=4, step="wait_email", run_id=1)
    events = []
    for number, identifier in enumerate((first, second, third)):
        at = NOW - timedelta(days=3, hours=number)
        automation = identifier == third
        events += [
            NewEvent(
                None, "message_clicked", at, 10 + number, channel=2, message_id=identifier,
                source_kind=2 if automation else 1, source_id=4 if automation else 7,
            ),
            NewEvent(
                None, "order_completed", at + timedelta(minutes=5), 10 + number, value=100 + number,
                order_id=f"o-{number}",
            ),
        ]  # fmt: skip
    with store.engine.begin() as conn:
        ingest.append(conn, events, NOW)
    book = ledger(read_facts(store), PERIOD)
    with store.engine.connect() as conn:
        variants = credit_by.by_variant(conn, book)
        steps = credit_by.by_step(conn, book)
        spent = message_costs.costs(conn, PERIOD)
    columns = ("source_id", "orders", "revenue")
    assert variants.select("variant", *columns).rows() == [("b", 7, 1, 101), ("a", 7, 1, 100)]
    assert steps.select("step", *columns).rows() == [("wait_email", 4, 1, 102)]
    line = roi.returns(read_facts(store), book, spent, "source", 2)[0]
    assert (line.key, line.attributed, line.message_cost_micros) == ((1, 7), 201, 31_600)
    assert line.roi == pytest.approx((2.01 - 0.0316) / 0.0316)
