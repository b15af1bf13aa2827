"""How quickly runs of automations advance: so many people in flight, so many of them due at once.

Usage: automations.py [--people N] [--due D] [--orders O]
       automations.py --backtest [--days 60] [--cold]

Makes a home of its own with N customers who have all put something into their cart, a live cart
recovery with a run for each of them, D of which are due in this minute, O of these with an order a
moment ago. Then one scheduler's jobs run as fast as they can until nobody is due any more: heed
(orders end runs), advance (steps, consent, messages into the outbox), heed again.

With --backtest nothing is made: the cart recovery is replayed over the last days of the log in
SEGMIND_HOME, which is only read, after the web process's own reading ahead; with --cold without it.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
from sqlalchemy import text  # noqa: E402

from scripts.bench.machine import describe_machine  # noqa: E402
from segmind.api.read_ahead import read_ahead  # noqa: E402
from segmind.automations import automation as automations  # noqa: E402
from segmind.automations import counts, engine, numbers, recipes  # noqa: E402
from segmind.automations.backtest.asked import run  # noqa: E402
from segmind.automations.backtest.expected import expected  # noqa: E402
from segmind.automations.backtest.question import Question  # noqa: E402
from segmind.automations.backtest.result import Backtest  # noqa: E402
from segmind.automations.lifecycle import State  # noqa: E402
from segmind.customers import columns  # noqa: E402
from segmind.customers.facts import Facts, read_facts  # noqa: E402
from segmind.db import embedded  # noqa: E402
from segmind.db.copy import copy_in  # noqa: E402
from segmind.db.engine import Store, open_store  # noqa: E402
from segmind.db.migrate import upgrade  # noqa: E402
from segmind.events import ingest, maintenance  # noqa: E402
from segmind.events.bulk import append_bulk  # noqa: E402
from segmind.events.ingest import NewEvent  # noqa: E402
from segmind.events.schema import UTC_INSTANT, Kind  # noqa: E402
from segmind.settings import from_environment  # noqa: E402
from segmind.workspace import product_settings  # noqa: E402

T = TypeVar("T")
WAIT = timedelta(minutes=60)


def main() -> int:
    options = _options()
    print(describe_machine(), flush=True)
    if options.backtest:
        return _backtest(options.days, is_cold=options.cold)
    with tempfile.TemporaryDirectory(prefix="segmind-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        os.environ |= {"SEGMIND_HOME": name, "SEGMIND_LOG_LEVEL": "WARNING"}
        store = open_store(from_environment(), wait=30, pool_size=4)
        try:
            upgrade(store.engine)
            now = datetime.now(UTC).replace(microsecond=0)
            took("made in", lambda: _make(store, options, now))
            _measure(store, options, now)
        finally:
            store.engine.dispose()
            embedded.stop(home)
    return 0


def _backtest(days: int, *, is_cold: bool) -> int:
    store = open_store(from_environment(), wait=30, pool_size=4)
    facts = took("the log is opened in", lambda: read_facts(store)).value
    first, last = facts.log.first_ts, facts.log.last_ts
    if first is None or last is None:
        print("The log holds no event.", flush=True)
        return 1
    now = last + timedelta(seconds=1)
    definition = recipes.cart_recovery(channels=("email", "sms"))
    question = Question(definition, now - timedelta(days=days), now, now)
    span = (last - first) / timedelta(days=1)
    events = sum(file.rows for file in facts.log.rows.files) + facts.log.rows.recent.height
    print(f"{events:,} events in {span:.1f} days, {facts.count:,} customers", flush=True)
    print(f"before it is begun: {expected(facts, question)}", flush=True)
    if not is_cold:
        took("read ahead, as when serving begins", lambda: read_ahead(store, now))
    for _ in range(3):
        found = took(f"back-test of {days} days", lambda: _replay(store, facts, question)).value
        print(
            f"  {found.triggers:,} triggers, {found.entered:,} runs, {found.sent:,} messages,"
            f" {found.goals:,} ended by an order",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory of this process at most: {peak:.2f} GB", flush=True)
    return 0


def _replay(store: Store, facts: Facts, question: Question) -> Backtest:
    with store.engine.connect() as conn:
        return run(conn, facts, product_settings.load(conn), question)


def _measure(store: Store, options: argparse.Namespace, now: datetime) -> None:
    waiting = _one(store, "SELECT count(*) FROM automation_run WHERE state = 'waiting'")
    due = _one(
        store,
        "SELECT count(*) FROM automation_run WHERE state = 'waiting' AND due_at <= :now",
        now=now,
    )
    print(f"{waiting:,} people in flight, {due:,} of them due in this minute", flush=True)
    ended = took("the first look for orders", lambda: engine.heed(store, now))
    print(f"  {ended.value.left:,} runs ended by an order", flush=True)
    moved = took("advance", lambda: engine.advance(store, now))
    done = moved.value
    rate = (done.moved + done.failed) / moved.seconds
    print(
        f"  {done.moved:,} runs advanced, {done.sent:,} messages put into the outbox,"
        f" {done.failed:,} failed: {rate:,.0f} a second"
        f" ({rate / (100_000 / 60):.1f} times what 100,000 in a minute need)",
        flush=True,
    )
    _order(store, options.orders, now + timedelta(seconds=1), first=due + 1)
    later = now + timedelta(seconds=2)
    print(f"  {took('the next look', lambda: engine.heed(store, later)).value}", flush=True)
    took("a look when nothing is new", lambda: engine.heed(store, later))
    with store.engine.connect() as conn:
        took("numbers by step, for the page", lambda: numbers.by_step(conn, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory of this process at most: {peak:.2f} GB", flush=True)


def _make(store: Store, options: argparse.Namespace, now: datetime) -> None:
    n, due = options.people, options.due
    with store.engine.begin() as conn:
        product_settings.save(
            conn,
            {"postal_address": "1 High Street", "quiet_hours": {}, "place_hours": {}},
            "bench",
            now,
        )
        product = conn.execute(
            text(
                "INSERT INTO product (external_id, name, price) VALUES ('p', 'Lamp', 3990)"
                " RETURNING id"
            )
        ).scalar_one()
    ids = np.arange(1, n + 1, dtype=np.int64)
    with store.engine.begin() as conn:
        people = pl.DataFrame({"id": ids}).with_columns(
            external_id=pl.format("c-{}", "id"),
            first_name=pl.lit("Ada"),
            email=pl.format("c{}@example.com", "id"),
            email_consent=pl.lit(1),
            is_anonymous=pl.lit(value=False),
        )
        copy_in(conn, "customer", people)
    columns.rebuild(store)
    # The first ``due`` put something in an hour and up to a minute ago; the others since then.
    since = np.where(
        ids <= due, 3_600 + ids * 60 // max(1, due), (ids - due) * 3_500 // max(1, n - due)
    )
    at = pl.Series("ts", now.timestamp() * 1e6 - since * 1e6).cast(pl.Int64).cast(UTC_INSTANT)
    added = pl.DataFrame(
        {
            "event_hi": np.full(n, 7, dtype=np.int64),
            "event_lo": ids,
            "ts": at,
            "customer_id": ids,
        }
    ).with_columns(
        received_at=pl.col("ts"),
        kind=pl.lit(int(Kind.PRODUCT_ADDED), pl.Int16),
        product_id=pl.lit(product, pl.Int32),
        quantity=pl.lit(1, pl.Int32),
        value=pl.lit(3_990, pl.Int64),
    )
    append_bulk(store, added, now)
    maintenance.catch_up(store, now)
    begin = now - timedelta(hours=2)
    with store.engine.begin() as conn:
        made = automations.create(conn, "Cart recovery", recipes.cart_recovery(), begin, "bench")
        automations.set_state(conn, made.id, State.LIVE, begin, "bench")
        runs = added.select(
            pl.lit(made.id).alias("automation_id"),
            pl.lit(1).alias("version"),
            "customer_id",
            pl.format("cart:{}", pl.col("ts").dt.timestamp("us")).alias("entry_key"),
            pl.col("ts").alias("triggered_at"),
            pl.col("ts").alias("entered_at"),
            pl.lit("wait_email").alias("step"),
            (pl.col("ts") + WAIT).alias("due_at"),
            pl.col("ts").alias("arrived_at"),
        )
        copy_in(conn, "automation_run", runs)
        counts.recount(conn, made.id)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    _order(store, options.orders, now - timedelta(seconds=5), first=1)


def _order(store: Store, n: int, at: datetime, *, first: int) -> None:
    events = [
        NewEvent(event_id=None, name="order_completed", ts=at, customer_id=customer, value=3_990)
        for customer in range(first, first + n)
    ]
    with store.engine.begin() as conn:
        ingest.append(conn, events, at)


@dataclass(frozen=True, slots=True)
class Took(Generic[T]):
    """What something gave, and how long it took."""

    value: T
    seconds: float


def took(what: str, do: Callable[[], T]) -> Took[T]:
    """Do it and say how long it took."""
    began = time.perf_counter()
    value = do()
    seconds = time.perf_counter() - began
    print(f"{what}: {seconds:.2f} s", flush=True)
    return Took(value, seconds)


def _one(store: Store, query: str, **values: object) -> int:
    with store.engine.connect() as conn:
        return int(conn.execute(text(query), values).scalar_one())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--cold", action="store_true", help="with --backtest: read nothing ahead")
    parser.add_argument("--backtest", action="store_true")
    parser.add_argument("--days", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
