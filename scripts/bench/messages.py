"""How long finding messages and the Deliverability page take among a million messages.

Usage: SEGMIND_HOME=an-empty-folder messages.py [--messages N] [--times N]

Makes N messages through the outbox in twenty campaigns over thirty days, lets chance decide what
became of each, writes the receipts into the log, and times every read of the pages: first, median
and 95th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from segmind import clock
from segmind.analytics import deliverability
from segmind.analytics.carriage import Carriage
from segmind.analytics.period import Period
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.fates import fates
from segmind.consent.addresses import address_key
from segmind.customers.facts import read_facts
from segmind.db.engine import Store, open_store
from segmind.db.migrate import upgrade
from segmind.events.bulk import append_bulk
from segmind.events.schema import Channel, Kind, Source
from segmind.messages import outbox, queries
from segmind.messages.queries import MessageFilter
from segmind.settings import from_environment

CAMPAIGNS, DAYS, DOMAINS = 20, 30, 500
#: Of the sent messages, how many have each receipt.
SHARES = (
    (Kind.MESSAGE_DELIVERED, 0.97),
    (Kind.MESSAGE_BOUNCED, 0.02),
    (Kind.MESSAGE_OPENED, 0.30),
    (Kind.MESSAGE_CLICKED, 0.05),
    (Kind.MESSAGE_UNSUBSCRIBED, 0.003),
    (Kind.MESSAGE_COMPLAINED, 0.0005),
)
#: What became of them in the outbox, by the last three digits of the id.
STATES = """
    UPDATE message SET provider = CASE channel WHEN 1 THEN 'sendgrid' ELSE 'twilio' END,
        provider_id = 'P' || id, sent_at = created_at,
        state = CASE WHEN id % 1000 < 940 THEN 3 WHEN id % 1000 < 970 THEN 7
                     WHEN id % 1000 < 990 THEN 6 WHEN id % 1000 < 995 THEN 8 ELSE 5 END,
        delivery = CASE WHEN id % 1000 < 900 THEN 4 WHEN id % 1000 < 920 THEN 5
                        WHEN id % 1000 < 940 THEN 3 ELSE 0 END,
        skip_reason = CASE WHEN id % 1000 BETWEEN 940 AND 969
                      THEN (ARRAY['suppressed', 'no_consent', 'frequency_cap'])[1 + id % 3] END,
        error_code = CASE WHEN id % 1000 BETWEEN 970 AND 989
                     THEN (ARRAY['21211', '30007', '30003'])[1 + id % 3] END
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the reads of messages.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9, help="how often each is asked")
    options = parser.parse_args()
    store = open_store(from_environment(), wait=30)
    upgrade(store.engine)
    with store.engine.connect() as conn:
        known = conn.execute(text("SELECT count(*) FROM message")).scalar_one()
    if not known:
        began = time.perf_counter()
        fill(store, options.messages)
        print(f"{options.messages:,} messages made in {time.perf_counter() - began:.0f} s")
    print(f"{'read':<46}{'first':>10}{'median':>10}{'p95':>10}  ms")
    for name, read in reads(store):
        took = [_timed(read) for _ in range(options.times + 1)]
        warm = sorted(took[1:])
        p95 = warm[min(len(warm) - 1, round(0.95 * len(warm)))]
        print(f"{name:<46}{took[0]:>10.1f}{warm[len(warm) // 2]:>10.1f}{p95:>10.1f}", flush=True)
    return 0


def fill(store: Store, count: int) -> None:
    """Customers, campaigns, messages and receipts; the seed is 1."""
    dice = np.random.default_rng(1)
    now = clock.now()
    key = address_key(store.settings.secret_key)
    each = count // CAMPAIGNS
    with store.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO customer (first_name, email, phone)
                SELECT 'Ada', 'ada' || n || '@d' || (sqrt(random()) * :domains)::int || '.example',
                       '+' || (ARRAY['1415', '4915', '4477', '3361'])[1 + n % 4]
                           || lpad(n::text, 7, '0')
                FROM generate_series(1, :n) n
            """),
            {"n": each, "domains": DOMAINS},
        )
        people = pl.read_database(
            "SELECT id AS customer_id, email, phone FROM customer", conn.connection.dbapi_connection
        )
    for number in range(CAMPAIGNS):
        channel = Channel.SMS if number % 3 == 2 else Channel.EMAIL
        at = now - timedelta(days=DAYS * (CAMPAIGNS - number) / CAMPAIGNS, hours=1)
        with store.engine.begin() as conn:
            made = campaigns.create(
                conn, name=f"Campaign {number}", channel=channel.label, now=at, actor="bench"
            )
            address = "phone" if channel is Channel.SMS else "email"
            outbox.enqueue_many(
                conn,
                key,
                Source.CAMPAIGN,
                made.id,
                people.select("customer_id", pl.col(address).alias("address")),
                1,
                channel,
                at,
                at + timedelta(days=1),
                at,
            )
    with store.engine.begin() as conn:
        conn.execute(text(STATES))
    with store.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE message"))
    append_bulk(store, _receipts(store, dice), now)


def _receipts(store: Store, dice: np.random.Generator) -> Iterator[pl.DataFrame]:
    with store.engine.connect() as conn:
        sent = pl.read_database(
            "SELECT id AS message_id, customer_id, channel, source_kind, source_id, sent_at AS ts"
            " FROM message WHERE state = 3 ORDER BY id",
            conn.connection.dbapi_connection,
        )
    sent = sent.with_columns(
        pl.col("channel", "source_kind").cast(pl.Int8),
        pl.col("ts").cast(pl.Datetime("us", "UTC")),
    )
    for kind, share in ((Kind.MESSAGE_SENT, 1.0), *SHARES):
        rows = sent.filter(pl.Series(dice.random(sent.height) < share))
        late = pl.duration(seconds=1 if kind is not Kind.MESSAGE_SENT else 0)
        yield rows.with_columns(
            pl.col("ts") + late,
            pl.lit(int(kind), pl.Int16).alias("kind"),
            pl.Series("event_hi", dice.integers(1, 2**62, rows.height)),
            pl.Series("event_lo", dice.integers(1, 2**62, rows.height)),
        )


def reads(store: Store) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the pages Messages, Message, Campaign and Deliverability ask, by name."""
    key = address_key(store.settings.secret_key)

    def found(**wanted: object) -> Callable[[], object]:
        def ask() -> object:
            with store.engine.connect() as conn:
                return queries.search(conn, MessageFilter(**wanted), key=key)  # type: ignore[arg-type]

        return ask

    with store.engine.connect() as conn:
        middle = conn.execute(
            text("SELECT id, public_id, address FROM message ORDER BY id OFFSET 1000 LIMIT 1")
        ).one()
        campaign = campaigns.get(conn, 1)
    old: datetime = clock.now() - timedelta(days=20)
    yield "messages: newest", found()
    for status in ("delivered", "failed", "in_doubt", "waiting"):
        yield f"messages: {status}", found(status=status)
    yield "messages: a whole address", found(text=middle.address)
    yield "messages: a part of an address", found(text=middle.address[:8])
    yield "messages: a part that nobody has", found(text="nobody-has-this")
    yield "messages: a provider's id", found(text=f"P{middle.id}")
    yield "messages: an error code", found(error_code="30007")
    yield "messages: skipped of a campaign", found(status="skipped", source_kind=1, source_id=1)
    yield "messages: of one customer", found(customer_id=7)
    yield "messages: until 20 days ago", found(until=old)

    def one() -> object:
        with store.engine.connect() as conn:
            return queries.one(conn, middle.public_id)

    def steps() -> object:
        with store.engine.connect() as conn:
            return fates(conn, campaign)

    yield "one message with its history", one
    yield "a campaign from segment to delivered", steps
    facts = read_facts(store)
    carried = Carriage(store)
    for days in (7, 30):
        period = Period.last_days(days, clock.now(), facts.zone)
        yield (
            f"deliverability by place, {days} days",
            lambda p=period: deliverability.by_place(facts, carried, p),
        )
        yield (
            f"deliverability over time, {days} days",
            lambda p=period: deliverability.over_time(facts, carried, p),
        )


def _timed(read: Callable[[], object]) -> float:
    began = time.perf_counter()
    read()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
