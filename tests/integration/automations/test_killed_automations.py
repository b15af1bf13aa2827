"""kill -9 of schedulers and of the database while automations run: nothing is lost or doubled.

Two schedulers run all the time but for moments. People start checkouts, some of them order; now
and then a scheduler, or the database, is killed. The judges are the carrier's own book, written in
its own transactions at acceptance, and the log.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from segmind.automations import automation as automations
from segmind.automations import counts
from segmind.automations.definition import parse
from segmind.automations.lifecycle import State
from segmind.db import embedded
from segmind.db.engine import Store, make_engine
from segmind.db.migrate import upgrade
from segmind.errors import Unavailable
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.settings import ROOT, from_environment
from segmind.workspace import product_settings

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
MAIL = {"channel": "email", "subject": "Hi", "blocks": [{"kind": "text", "text": "Hello"}]}
#: An order that was ingested so long before a message must have stopped it.
HEEDED_AFTER = timedelta(seconds=5)
#: The size and the dice of the long run.
KILLS = int(os.environ.get("CHAOS_KILLS", "110"))
SEED = int(os.environ.get("CHAOS_SEED", "1000"))
DEFINITION = {
    "trigger": {"kind": "event", "event": "checkout_started"},
    "key": "event",
    "steps": [
        {"kind": "wait", "id": "first", "seconds": 2},
        {"kind": "set_trait", "id": "mark", "name": "reminded", "value": True},
        {
            "kind": "condition",
            "id": "ask",
            "rule": {"type": "trait", "field": "traits.reminded", "op": "is", "value": True},
        },
        {
            "kind": "wait_for",
            "id": "look",
            "event": "product_viewed",
            "seconds": 3,
        },
        {"kind": "send", "id": "text", "channel": "sms", "content": SMS},
        {"kind": "wait", "id": "second", "seconds": 3},
        {"kind": "send", "id": "mail", "channel": "email", "content": MAIL},
    ],
    "goal": {"event": "order_completed"},
}


class Shop:
    """A home with a database of its own, which may be killed, and schedulers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = embedded.ensure_running(home)
        settings = from_environment({"SEGMIND_HOME": str(home)})
        settings.lake.mkdir(parents=True, exist_ok=True)
        self.store = Store(engine=make_engine(self.url), lake=settings.lake, settings=settings)
        upgrade(self.store.engine)
        self.schedulers: list[subprocess.Popen[bytes]] = []
        #: By customer: when the order was surely in the log.
        self.ordered: dict[int, datetime] = {}
        self.started: set[int] = set()
        with self.store.engine.begin() as conn:
            now = datetime.now(UTC)
            product_settings.save(
                conn,
                {
                    "postal_address": "1 High Street",
                    "quiet_hours": {},
                    "place_hours": {},
                    "caps": {},
                },
                "test",
                now,
            )
            made = automations.create(conn, "Checkout", parse(DEFINITION), now, "test")
            automations.set_state(conn, made.id, State.LIVE, now, "test")

    def people(self, n: int) -> list[int]:
        with self.store.engine.begin() as conn:
            rows = conn.execute(
                text(
                    "INSERT INTO customer (first_name, email, email_consent, phone, sms_consent)"
                    " SELECT 'Ada', 'c' || i || '@example.com', 1,"
                    "  '+1500555' || lpad(i::text, 4, '0'), 1 FROM generate_series(1, :n) AS i"
                    " RETURNING id"
                ),
                {"n": n},
            ).scalars()
            return list(rows)

    def did(self, customer: int, name: str) -> datetime:
        """It is tried until it is in the log; returns when it surely was."""
        event = NewEvent(
            event_id=f"{name}:{customer}", name=name, ts=datetime.now(UTC), customer_id=customer
        )
        while True:
            try:
                with self.store.engine.begin() as conn:
                    ingest.append(conn, [event], datetime.now(UTC))
            except (DBAPIError, Unavailable):
                time.sleep(0.1)
            else:
                return datetime.now(UTC)

    def start(self) -> None:
        self.schedulers.append(
            subprocess.Popen(
                [sys.executable, "-m", "scheduler"],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "SEGMIND_HOME": str(self.home)},
                stdout=subprocess.DEVNULL,
                stderr=(self.home / f"scheduler-{len(self.schedulers)}.log").open("ab"),
            )
        )

    def wait_for_life(self) -> None:
        """Until one of the schedulers works: whoever is killed while it starts proves little."""
        deadline = time.monotonic() + 600
        while True:
            lives = {row.process for row in self.rows("SELECT process FROM heartbeat")}
            if any(name.endswith(f":{s.pid}") for s in self.schedulers for name in lives):
                return
            assert time.monotonic() < deadline, "no scheduler came to life"
            time.sleep(0.1)

    def kill_scheduler(self, draw: random.Random) -> None:
        victim = self.schedulers.pop(draw.randrange(len(self.schedulers)))
        victim.kill()
        victim.wait(10)
        self.start()

    def kill_database(self) -> None:
        server = embedded.server_of(self.home)
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            try:
                embedded.ensure_running(self.home)
            except Exception:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def rows(self, query: str) -> list[Any]:
        while True:
            try:
                with self.store.engine.connect() as conn:
                    return list(conn.execute(text(query)).all())
            except DBAPIError:
                time.sleep(0.1)

    def leases_run_out(self) -> None:
        """As if the minute and a half had passed that the dead held their messages for."""
        with self.store.engine.begin() as conn:
            conn.execute(text("UPDATE message SET lease_until = now() WHERE state IN (1, 2)"))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    home = tmp_path / "var"
    home.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    place = Shop(home)
    yield place
    for process in place.schedulers:
        process.kill()
        process.wait(10)
    place.store.engine.dispose()
    embedded.stop(home)


def live(shop: Shop, people: list[int], seed: int, over: threading.Event, pause: float) -> None:
    """Everybody starts a checkout; half of them order, at once or seconds later."""
    draw = random.Random(seed)
    orders: list[tuple[float, int]] = []
    for customer in people:
        shop.did(customer, "checkout_started")
        shop.started.add(customer)
        if draw.random() < 0.5:
            orders.append((time.monotonic() + draw.uniform(0, 12), customer))
        for order in [each for each in orders if each[0] <= time.monotonic()]:
            orders.remove(order)
            shop.ordered[order[1]] = shop.did(order[1], "order_completed")
        if over.is_set():
            break
        time.sleep(draw.uniform(0, 2 * pause))
    for at, customer in sorted(orders):
        time.sleep(max(0.0, at - time.monotonic()))
        shop.ordered[customer] = shop.did(customer, "order_completed")


def rehearse(shop: Shop, *, kills: int, databases: float, people: int, seed: int) -> None:
    """Kill ``kills`` times, a share of ``databases`` of them the database; then look."""
    draw = random.Random(seed)
    crowd = shop.people(people)
    for _ in range(2):
        shop.start()
    over = threading.Event()
    expected = kills * 3 + 4
    feeding = threading.Thread(
        target=live, args=(shop, crowd, seed, over, expected / people), daemon=True
    )
    feeding.start()
    for _ in range(kills):
        shop.wait_for_life()
        time.sleep(draw.uniform(0.1, 1.5))
        if draw.random() < databases:
            shop.kill_database()
        else:
            shop.kill_scheduler(draw)
    over.set()
    feeding.join(120)
    assert not feeding.is_alive()
    settled(shop)
    judge(shop)


def settled(shop: Shop) -> None:
    """Wait until nobody is on the way any more, and no message."""
    deadline = time.monotonic() + 300
    open_ = (
        "SELECT (SELECT count(*) FROM automation_run WHERE state = 'waiting')"
        " + (SELECT count(*) FROM message WHERE state IN (0, 1, 2, 4, 5))"
    )
    while missing(shop) or shop.rows(open_)[0][0] > 0:
        assert time.monotonic() < deadline, shop.rows(
            "SELECT state, step, due_at < now(), count(*) FROM automation_run GROUP BY 1, 2, 3"
        ) + shop.rows("SELECT state, skip_reason, count(*) FROM message GROUP BY 1, 2")
        shop.leases_run_out()
        time.sleep(0.5)


def missing(shop: Shop) -> set[int]:
    """Who began a checkout, has not ordered, and has no run: nobody, once the schedulers have seen
    everything. Who ordered before a scheduler saw the checkout need not have entered."""
    entered = {row.customer_id for row in shop.rows("SELECT customer_id FROM automation_run")}
    return shop.started - shop.ordered.keys() - entered


def judge(shop: Shop) -> None:
    runs = shop.rows("SELECT customer_id, state FROM automation_run ORDER BY 1")
    entered = sorted({run.customer_id for run in runs})
    assert runs == [(customer, "exited") for customer in entered], "a run doubled or failed"
    assert missing(shop) == set(), "a run lost"
    assert set(entered) <= shop.started
    started = sorted(shop.started)
    twice = shop.rows("SELECT count(*) FROM sandbox_parcel WHERE times > 1")
    per_step = shop.rows(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM message GROUP BY run_id, step) AS each"
    )
    assert (twice, per_step) == ([(0,)], [(1,)])
    sent = shop.rows(
        "SELECT m.customer_id, m.step, p.accepted_at FROM sandbox_parcel p"
        " JOIN message m ON m.public_id = p.message_public_id"
    )
    late = [
        (customer, step, at - shop.ordered[customer])
        for customer, step, at in sent
        if customer in shop.ordered and at > shop.ordered[customer] + HEEDED_AFTER
    ]
    assert late == [], "messaged after an order"
    got = {(customer, step) for customer, step, _ in sent}
    for customer in started:
        if customer not in shop.ordered:
            assert {(customer, "text"), (customer, "mail")} <= got, "a message lost"
    with shop.store.engine.begin() as conn:
        kept = counts.of(conn, 1)
        counts.recount(conn, 1)
        assert counts.of(conn, 1) == kept, "advanced twice, or not counted"
    sys.stdout.write(f"{len(started)} runs, {len(shop.ordered)} orders, {len(sent)} messages\n")


def test_killed_now_and_then_automations_lose_and_double_nothing(shop: Shop) -> None:
    rehearse(shop, kills=2, databases=0.5, people=14, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_a_hundred_times_automations_lose_and_double_nothing(shop: Shop) -> None:
    rehearse(shop, kills=KILLS, databases=0.25, people=max(60, KILLS * 5), seed=SEED)
