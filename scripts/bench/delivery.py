"""From launch to handed over: a campaign on each channel against emulated vendors.

Usage: delivery.py [--emails N] [--messages N] [--receipts N] [--lanes N] [--only email,sms,...]

A home of its own with as many customers as there are e-mails; every campaign is launched as the
scheduler does (audience drawn, frozen, put into the outbox) and sent by the scheduler's lanes and
the processes that help it (``SEGMIND_SENDERS``; they start with the sending, as in a shop) through
the vendors' protocols: claim, gate, rendering, hand-over, acknowledgement, attempts and
``message_sent`` events included. The emulator and PostgreSQL run on the same cores. The rates are
compared with bare loops over each vendor's SDK in the same run.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import text  # noqa: E402

from scheduler.carrier_room import spare_what_is_loaded  # noqa: E402
from scheduler.senders import Senders  # noqa: E402
from scripts.bench.machine import Cpu, describe_machine  # noqa: E402
from scripts.bench.outbox_alone import claim_and_acknowledge  # noqa: E402
from scripts.bench.providers import BARE, Bare  # noqa: E402
from segmind import clock  # noqa: E402
from segmind.campaigns import campaign as campaigns  # noqa: E402
from segmind.campaigns.launch import launch  # noqa: E402
from segmind.campaigns.progress import states_of  # noqa: E402
from segmind.channels import registry  # noqa: E402
from segmind.channels.channel import Channel  # noqa: E402
from segmind.channels.delivery import Delivery, Word  # noqa: E402
from segmind.channels.emulator.running import Process, emulating_apart  # noqa: E402
from segmind.customers import columns  # noqa: E402
from segmind.db import embedded  # noqa: E402
from segmind.db.engine import Store, open_store  # noqa: E402
from segmind.db.migrate import upgrade  # noqa: E402
from segmind.messages import inbox, receipts  # noqa: E402
from segmind.messages.lanes import Lanes  # noqa: E402
from segmind.messages.lifecycle import State  # noqa: E402
from segmind.segments import segment  # noqa: E402
from segmind.settings import from_environment  # noqa: E402
from segmind.workspace import product_settings  # noqa: E402

CONTENT: Final[dict[Channel, dict[str, Any]]] = {
    Channel.EMAIL: {
        "channel": "email",
        "subject": 'Hello {{ first_name | default: "you" }}',
        "body": "<p>Hi {{ first_name }},</p>"
        + "<p>The same paragraph for everybody.</p>" * 40
        + '<p><a href="https://shop.example.com/spring">Look at the spring things</a></p>',
    },
    Channel.SMS: {"channel": "sms", "body": "Hi {{ first_name }}, spring is here. Reply STOP."},
    Channel.PUSH: {"channel": "push", "title": "Hi {{ first_name }}", "body": "Spring is here."},
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--emails", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=50_000, help="SMS and pushes, each")
    parser.add_argument("--receipts", type=int, default=100_000)
    parser.add_argument("--lanes", type=int, default=3)
    parser.add_argument("--only", default="email,sms,push,outbox,receipts")
    given = parser.parse_args()
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="segmind-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        try:
            with emulating_apart(home / "emulator", ["--silent", "--seed", "1"]) as emulator:
                os.environ |= {"SEGMIND_HOME": name, **emulator.environment}
                store = open_store(from_environment(), wait=30, pool_size=24)
                upgrade(store.engine)
                _measure(store, emulator, given)
                store.engine.dispose()
        finally:
            embedded.stop(home)
    return 0


def _measure(store: Store, emulator: Process, given: argparse.Namespace) -> None:
    most = max(given.emails, given.messages)
    everybody = _fill(store, most)
    only = set(given.only.split(","))
    lanes = Lanes(store, registry.build(store.settings), lanes=given.lanes)
    spare_what_is_loaded()
    for channel, count in (
        (Channel.EMAIL, given.emails),
        (Channel.SMS, given.messages),
        (Channel.PUSH, given.messages),
    ):
        if channel.value in only:
            _campaign(store, emulator, lanes, everybody, channel, count)
    if "outbox" in only:
        rate = claim_and_acknowledge(store, min(most, 100_000), threads=4)
        print(f"outbox alone   {rate:>9,.0f} messages/s locked, marked and acknowledged")
    if "receipts" in only:
        _receipts(store, given.receipts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory         {peak:>9,.0f} MB at most (dispatching process)")


def _fill(store: Store, count: int) -> int:
    """So many customers who said yes, mirrored as columns; returns the segment of all of them."""
    now = clock.now()
    with store.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO customer (external_id, first_name, last_name, email, phone, timezone,
                    country, email_consent, sms_consent, push_consent, push_token)
                SELECT 'c' || n, 'Ada' || n % 1000, 'Lovelace', 'ada' || n || '@example.com',
                    '+1415' || lpad(n::text, 7, '0'),
                    (ARRAY['Europe/Berlin', 'America/New_York', 'Europe/London', NULL])[1 + n % 4],
                    'US', 1, 1, 1, 'token-' || n
                FROM generate_series(1, :count) n
            """),
            {"count": count},
        )
        product_settings.save(
            conn,
            {"postal_address": "1 High Street", "quiet_hours": {}, "place_hours": {}},
            "bench",
            now,
        )
        made = segment.create(
            conn,
            name="Everybody",
            rule={"type": "all", "conditions": []},
            actor="bench",
            now=now,
        )
    with store.engine.connect() as conn:
        alone = conn.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(text("VACUUM ANALYZE customer"))
    columns.rebuild(store)
    return made.id


def _campaign(
    store: Store, emulator: Process, lanes: Lanes, everybody: int, channel: Channel, count: int
) -> None:
    with store.engine.begin() as conn:
        made = campaigns.create(
            conn,
            name=channel.value,
            channel=channel.value,
            segment_id=everybody,
            content=CONTENT[channel],
            holdout_percent=0.0,
            actor="bench",
            now=clock.now(),
        )
        smaller = conn.execute(text("SELECT count(*) FROM customer")).scalar_one() > count
        if smaller:
            conn.execute(
                text(f"UPDATE customer SET {channel.value}_consent = 0 WHERE id > :count"),
                {"count": count},
            )
    if smaller:
        columns.rebuild(store)
    before = emulator.status()["accepted"]
    began = time.perf_counter()
    launch(store, made.id, clock.now())
    frozen = time.perf_counter() - began
    helpers = Senders()
    with store.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE message"))
    watched = {"dispatcher": os.getpid(), "emulator": emulator.pid}
    data = embedded.server_of(store.settings.home).data
    cpu = Cpu(watched, data, {"helpers": lambda: helpers.pids})
    sending = time.perf_counter()
    with _helped_by(helpers, store):
        known = _sent_by_all(store, lanes, made.id)
        ended = time.perf_counter()
        shares = cpu.shares()
    taken = emulator.status()["accepted"] - before
    rate = known / (ended - sending)
    each = ", ".join(
        f"{name} {share * (ended - sending) / max(1, known) * 1e6:.0f}"
        for name, share in shares.items()
    )
    print(f"{channel.value:6} frozen  {frozen:>9,.1f} s for {count:,} recipients")
    print(
        f"{channel.value:6} sent    {ended - began:>9,.1f} s from launch to the last hand-over; "
        f"{taken:,} accepted by the vendor, {known:,} known to us"
    )
    print(f"{channel.value:6} rate    {rate:>9,.0f} messages/s; microseconds each: {each}")
    for how, loop in BARE[channel].items():
        bare = _bare(emulator, loop)
        print(f"{channel.value:6} bare    {bare:>9,.0f} messages/s ({how}); {rate / bare:.0%}")


@contextmanager
def _helped_by(helpers: Senders, store: Store) -> Iterator[None]:
    """Tend the helpers once a second, as the scheduler does."""
    over = threading.Event()

    def tend() -> None:
        while not over.is_set():
            helpers.tend(store)
            over.wait(1.0)

    tending = threading.Thread(target=tend)
    tending.start()
    try:
        yield
    finally:
        over.set()
        tending.join()
        helpers.ask_to_stop()
        helpers.wait(10.0)


def _sent_by_all(store: Store, lanes: Lanes, campaign_id: int) -> int:
    """Send until nothing of the campaign is left to anybody; how many were accepted."""
    while True:
        lanes.run_until_idle()
        with store.engine.connect() as conn:
            states = states_of(conn, campaign_id)
        if not any(states.get(each) for each in (State.READY, State.RETRY, State.DISPATCHING)):
            return states.get(State.ACCEPTED, 0)


def _bare(emulator: Process, loop: Bare) -> float:
    began = time.perf_counter()
    return loop.hand_over(emulator.environment, loop.messages) / (time.perf_counter() - began)


def _receipts(store: Store, count: int) -> None:
    """Receipts of what was sent, stored in bundles as they come in and reduced beside it."""
    with store.engine.connect() as conn:
        rows = conn.execute(
            text("SELECT public_id FROM message WHERE state = 3 ORDER BY id LIMIT :n"), {"n": count}
        ).scalars()
        ids = list(rows)
    now = clock.now()
    reports = [
        Delivery(Word.DELIVERED, "sendgrid", now, f"d{n}", message_public_id=each)
        for n, each in enumerate(ids)
    ]
    began = time.perf_counter()

    def take() -> None:
        for start in range(0, len(reports), 500):
            with store.engine.begin() as conn:
                inbox.store(conn, reports[start : start + 500], now)

    taker = threading.Thread(target=take)
    taker.start()
    reduced = 0
    while reduced < len(reports):
        reduced += receipts.reduce_inbox(store, now + timedelta(seconds=1), 2_000)
    taker.join()
    seconds = time.perf_counter() - began
    print(f"receipts       {len(reports) / seconds:>9,.0f} a second, stored and applied")


if __name__ == "__main__":
    sys.exit(main())
