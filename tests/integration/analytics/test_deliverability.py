"""Deliverability equals what counting message by message gives, by provider and by place."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import text

from segmind.analytics import deliverability
from segmind.analytics.carriage import Carriage, place_of
from segmind.analytics.deliverability import THRESHOLDS, level
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events.ingest import NewEvent, append
from segmind.events.schema import Channel

PLACES = {
    1: [("ada@a.example", "a.example"), ("bo@B.example", "b.example")],
    2: [("+14155550100", "+1 US …"), ("+4915112345678", "+49 DE"), ("+35312345678", "+353 IE")],
    3: [("token", "devices")],
}
NAMES = {
    "sent": ("message_sent", None),
    "delivered": ("message_delivered", None),
    "bounced": ("message_bounced", None),
    "opened": ("message_opened", False),
    "clicked": ("message_clicked", False),
    "unsubscribed": ("message_unsubscribed", None),
    "complained": ("message_complained", None),
    "machine_opened": ("message_opened", True),
    "machine_clicked": ("message_clicked", True),
}


@pytest.fixture
def written(store: Store, frozen_clock: datetime) -> Counter[tuple[int, str, str, str]]:
    """Random receipts of 200 messages: how many by channel, provider, place and metric."""
    draw = random.Random(7)
    counted: Counter[tuple[int, str, str, str]] = Counter()
    events: list[NewEvent] = []
    with store.engine.begin() as conn:
        customer = conn.execute(
            text("INSERT INTO customer (first_name) VALUES ('Ada') RETURNING id")
        ).scalar_one()
        for n in range(200):
            channel = draw.choice([1, 2, 3])
            address, place = draw.choice(PLACES[channel])
            provider = draw.choice(["sandbox", "twilio"])
            gone = draw.random() < 0.05 and channel != 3
            message = conn.execute(
                text("""
                    INSERT INTO message (public_id, source_kind, source_id, customer_id, channel,
                        address, address_hash, template_version_id, state, provider, due_at,
                        expires_at, created_at)
                    VALUES (gen_random_uuid(), 1, 1, :customer, :channel, :address, :hash, 1, 3,
                            :provider, :now, :now, :now) RETURNING id
                """),
                {
                    "customer": customer,
                    "channel": channel,
                    "address": None if gone else address,
                    "hash": str(n).encode(),
                    "provider": provider,
                    "now": frozen_clock,
                },
            ).scalar_one()
            for metric, (name, machine) in NAMES.items():
                if metric != "sent" and draw.random() < 0.5:
                    continue
                for repeat in range(draw.choice([1, 1, 2])):
                    at = frozen_clock - timedelta(hours=draw.randrange(1, 200))
                    events.append(
                        NewEvent(
                            event_id=f"{n}:{metric}:{repeat}",
                            name=name,
                            ts=at,
                            customer_id=customer,
                            channel=channel,
                            message_id=message,
                            source_kind=1,
                            source_id=1,
                            machine=machine,
                        )
                    )
                counted[channel, provider, "erased" if gone else place, metric] += 1
        append(conn, events, frozen_clock)
    return counted


def test_figures_by_provider_and_place_equal_counting_one_by_one(
    store: Store, frozen_clock: datetime, written: Counter[tuple[int, str, str, str]]
) -> None:
    facts = read_facts(store)
    period = Period.last_days(30, frozen_clock, facts.zone)
    carried = Carriage(store)
    table = deliverability.by_place(facts, carried, period)
    found = {
        (row["channel"], row["provider"], row["place"], metric): row[metric]
        for row in table.iter_rows(named=True)
        for metric in METRICS
        if row[metric]
    }
    assert found == dict(written)
    over = deliverability.over_time(facts, carried, period)
    for metric in METRICS:
        assert over[metric].sum() == table[metric].sum()
    again = deliverability.by_place(facts, carried, period)
    assert again.equals(table)


def test_a_message_without_a_row_is_unknown_and_still_counted(
    store: Store, frozen_clock: datetime, written: Counter[tuple[int, str, str, str]]
) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("DELETE FROM message"))
    facts = read_facts(store)
    period = Period.last_days(30, frozen_clock, facts.zone)
    table = deliverability.by_place(facts, Carriage(store), period)
    assert table["place"].to_list() == [""]
    sent = sum(n for (_, _, _, metric), n in written.items() if metric == "sent")
    assert table["sent"].to_list() == [sent]


def test_a_threshold_is_passed_from_its_share_on_and_few_are_not_judged() -> None:
    spam = next(each for each in THRESHOLDS if each.metric == "complained")
    assert [level(spam, n, 10_000) for n in (9, 10, 29, 30)] == [
        "fine",
        "warning",
        "warning",
        "bad",
    ]
    assert level(spam, 50, 99) == "too few"
    confirmed = next(each for each in THRESHOLDS if each.low)
    assert [level(confirmed, n, 100) for n in (84, 85, 94, 95)] == [
        "bad",
        "warning",
        "warning",
        "fine",
    ]


def test_alarms_name_the_worst_place_first() -> None:
    base = dict.fromkeys(METRICS, 0)
    rows = [
        base | {"channel": 1, "provider": "s", "place": "a.example", "sent": 10_000,
                "delivered": 10_000, "complained": 40},
        base | {"channel": 1, "provider": "s", "place": "b.example", "sent": 90_000,
                "delivered": 90_000, "complained": 90},
    ]  # fmt: skip
    found = deliverability.alarms(pl.DataFrame(rows))
    assert [(each.level, each.place) for each in found] == [
        ("bad", "a.example"),
        ("warning", ""),
        ("warning", "b.example"),
    ]
    assert all(each.channel is Channel.EMAIL for each in found)


def test_places_are_domains_countries_and_devices() -> None:
    assert place_of(2, "+4930") == "+49 DE"
    assert place_of(2, "+1415").startswith("+1 US")
    assert place_of(2, "+9999") == "unknown country"
    assert place_of(1, "") == "erased"
    assert place_of(3, None) == "devices"
