"""The field of the chaos runs: a database, the three emulated vendors, the web, doomed workers."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from segmind import clock
from segmind.channels import registry
from segmind.channels.channel import Channel as ChannelName
from segmind.channels.emulator.acceptances import parsed
from segmind.channels.emulator.faults import MIXED, Kind, to_json
from segmind.channels.emulator.running import Process, emulating_apart
from segmind.channels.webhook import Refusal, Refused, WebhookRequest
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import portions, receipts
from segmind.messages.lifecycle import State
from segmind.messages.sources import SourceKey
from segmind.settings import ROOT, from_environment
from segmind.templates import versions
from segmind.templates.template import Draft, EmailDraft, PushDraft, SmsDraft

HERE = Path(__file__).parent
COLUMNS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}
DRAFTS: dict[Channel, Draft] = {
    Channel.EMAIL: EmailDraft(
        subject="Hello {{ first_name }}",
        body='<p>Hi {{ first_name }}, <a href="https://shop.example.com/x">look</a></p>'
        '<a href="{{ unsubscribe_url }}">No more</a>',
    ),
    Channel.SMS: SmsDraft(body="Hello {{ first_name }}, look"),
    Channel.PUSH: PushDraft(title="Hello {{ first_name }}", body="Look"),
}
TO_SEND = """
    (SELECT count(*) FROM message WHERE state IN (0, 1, 2, 4))
        + (SELECT COALESCE(sum(size - taken), 0) FROM recipient_portion)
        + (SELECT count(*) FROM micro_batch WHERE finished_at IS NULL)
"""
UNSETTLED = f"SELECT (SELECT count(*) FROM message WHERE state = 5) + {TO_SEND}"
#: People to whom ``Field.go_on_sending`` sends, beside the others.
LATER = 20
#: Seconds without a report of an e-mail that long runs take for silence: the emulator tries to post
#: one for 83 seconds, and for 15 more each time it is not answered.
SILENCE = 180.0


class Worker:
    """One sending process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.005)
        except ProcessLookupError:
            pass


class Field:
    """One world: messages go in, workers come and go, the vendors' acceptance log judges."""

    def __init__(self, store: Store, url: str, folder: Path, emulator: Process, port: int) -> None:
        self.store = store
        self.emulator = emulator
        self.acceptances = folder / "acceptances"
        self.log = (folder / "workers.log").open("w")
        self.environment = {
            **os.environ,
            **emulator.environment,
            "PYTHONPATH": str(ROOT),
            "SEGMIND_HOME": str(store.settings.home),
            "SEGMIND_DATABASE_URL": url,
            "SEGMIND_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SEGMIND_LOG_LEVEL": "WARNING",
        }
        self.workers: list[Worker] = []
        self.nursery = subprocess.Popen(
            [sys.executable, str(HERE / "chaos_worker.py")],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.key = address_key(store.settings.secret_key)
        self.messages = 0

    def start(
        self,
        *,
        lease: float,
        grace: float,
        silence: float | None = None,
        lanes: int = 2,
        clock_shift: float = 0.0,
    ) -> Worker:
        options = {
            "lease": lease,
            "grace": grace,
            "silence": silence or grace,
            "lanes": lanes,
            "clock_shift": clock_shift,
        }
        assert self.nursery.stdin is not None and self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps(options) + "\n")
        self.nursery.stdin.flush()
        worker = Worker(int(self.nursery.stdout.readline()))
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()
        self.nursery.kill()
        self.nursery.communicate()

    def people(self, count: int) -> None:
        """So many customers, reachable on every channel."""
        with self.store.engine.begin() as conn:
            with_people(conn, count)

    def broadcast(self, channel: Channel, count: int, source_id: int, after: int = 0) -> None:
        """A campaign on a channel to ``count`` customers, the first ones ``after`` so many."""
        now = clock.now()
        with self.store.engine.begin() as conn:
            version = versions.save_version(conn, DRAFTS[channel])
            rows = conn.execute(
                text(f"SELECT id, {COLUMNS[channel]} FROM customer ORDER BY id LIMIT :n OFFSET :m"),
                {"n": count, "m": after},
            ).all()
            frame = pl.DataFrame(
                rows, schema={"customer_id": pl.Int64(), "address": pl.String()}, orient="row"
            )
            frame = frame.with_columns(
                step=pl.lit(None, pl.String), template_version_id=pl.lit(version, pl.Int64)
            )
            source = SourceKey(1, source_id)
            until = now + timedelta(hours=6)
            self.messages += portions.put_in(conn, self.key, source, frame, channel, until)

    # --- looking ---------------------------------------------------------------------------------

    def value(self, query: str, **values: object) -> Any:
        with self.store.engine.connect() as conn:
            return conn.execute(text(query), values).scalar()

    def unsettled(self) -> int:
        return int(self.value(UNSETTLED))

    def not_yet_taken(self, channel: Channel) -> int:
        """Recipients of a channel that no sender has begun with."""
        waiting = "SELECT COALESCE(sum(size - taken), 0) FROM recipient_portion WHERE channel = :c"
        return int(self.value(waiting, c=int(channel)))

    def states(self) -> dict[str, int]:
        with self.store.engine.connect() as conn:
            rows = conn.execute(text("SELECT state, count(*) FROM message GROUP BY 1 ORDER BY 1"))
            return {State(state).name: n for state, n in rows}

    def accepted_count(self) -> int:
        """How many the vendors took; asked again where the whole machine stood still meanwhile."""
        for _ in range(100):
            try:
                return int(self.emulator.status()["accepted"])
            except TimeoutError:
                time.sleep(1.0)
        raise AssertionError("The emulator does not answer.")

    def wait_for_progress(self, count: int) -> bool:
        """Wait until so many more were accepted; False when everything is settled before."""
        goal = self.accepted_count() + count
        looks = 0
        while self.accepted_count() < goal:
            looks += 1
            if looks % 40 == 0 and not self.unsettled():
                return False
            time.sleep(0.05)
        return True

    def go_on_sending(self, after: int) -> None:
        """A few e-mails to ``LATER`` people after the first ``after`` (who bounced gets no more).

        As a shop goes on sending: if all that was sent lately was lost, nobody reports on anything
        that happened later, and such silence proves nothing. So it begins when all is handed over.
        """
        while self.value(f"SELECT {TO_SEND}"):
            time.sleep(0.5)
        time.sleep(2.5)  # reports are dated by whole seconds
        for n in range(0, LATER, 5):
            self.broadcast(Channel.EMAIL, 5, 10 + n, after=after + n)

    def settle(self, seconds: float) -> float:
        """Wait until every message has its end; returns how long it took."""
        began = time.monotonic()
        while self.unsettled():
            assert time.monotonic() - began < seconds, f"Still unsettled: {self.states()}"
            time.sleep(0.5)
        return time.monotonic() - began

    def doubles(self) -> dict[str, int]:
        """By channel how often a message was taken once more than it should have been."""
        taken = parsed(self.acceptances.read_bytes().splitlines())
        return _doubles(Counter((each.channel, each.message_id) for each in taken))

    def verdict(self) -> Verdict:
        """What the vendors' own log says, compared with what we believe."""
        taken = parsed(self.acceptances.read_bytes().splitlines())
        times: Counter[tuple[ChannelName, str]] = Counter()
        shown: set[tuple[str, str]] = set()
        for acceptance in taken:
            times[acceptance.channel, acceptance.message_id] += 1
            if acceptance.channel is ChannelName.PUSH:
                shown.add((acceptance.address, str(acceptance.collapse_id)))
        pushes = {message for channel, message in times if channel is ChannelName.PUSH}
        with self.store.engine.connect() as conn:
            believed = {
                str(row.public_id)
                for row in conn.execute(text("SELECT public_id FROM message WHERE state = 3"))
            }
        known = {message for _, message in times}
        return Verdict(
            messages=self.messages,
            accepted=len(known),
            lost=self.messages - len(known),
            doubled=_doubles(times),
            visible_doubles=len(shown) - len(pushes),
            wrongly_believed=len(believed - known),
            in_doubt=int(self.value("SELECT count(*) FROM message WHERE state = 5")),
            doubted=int(self.value("SELECT count(*) FROM attempt WHERE outcome = 'in_doubt'")),
        )


def _doubles(times: Counter[tuple[ChannelName, str]]) -> dict[str, int]:
    return {
        channel.value: sum(n - 1 for (which, _), n in times.items() if which is channel and n > 1)
        for channel in ChannelName
    }


class Verdict(dict[str, Any]):
    """Figures of a run; ``require`` holds what is promised."""

    def require(self) -> None:
        assert self["lost"] == 0, self
        assert self["doubled"]["sms"] == self["doubled"]["email"] == 0, self
        assert self["visible_doubles"] == 0, self
        assert self["in_doubt"] == 0, self
        assert self["wrongly_believed"] == 0, self


def with_people(conn: Connection, count: int) -> None:
    """So many customers who said yes on every channel."""
    conn.execute(
        text("""
            INSERT INTO customer (external_id, first_name, email, phone, timezone,
                email_consent, sms_consent, push_consent, push_token)
            SELECT 'c' || n, 'Ada ' || n, 'ada' || n || '@example.com',
                   '+1415' || lpad(n::text, 7, '0'), 'UTC', 1, 1, 1, 'token-' || n
            FROM generate_series(1, :count) n
        """),
        {"count": count},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def field_of(
    store: Store, url: str, folder: Path, *, seed: int, plan: str = "mixed", noise: str = "mixed"
) -> Iterator[Field]:
    """A field with its emulator and the door for reports; everything is gone afterwards."""
    port = free_port()
    arguments = [
        "--plan", plan, "--noise", noise, "--seed", str(seed), "--speed", "5000",
        "--product", f"http://127.0.0.1:{port}", "--log", str(folder / "acceptances"),
    ]  # fmt: skip
    with emulating_apart(folder / "emulator", arguments) as emulator:
        field = Field(store, url, folder, emulator, port)
        with reporting_to(store, emulator.environment, port):
            try:
                yield field
            finally:
                field.stop()
                field.log.close()


@contextmanager
def reporting_to(store: Store, environment: dict[str, str], port: int) -> Iterator[None]:
    """The web's half: providers' calls on ``port`` go into the intake of receipts."""
    settings = from_environment(
        {
            **environment,
            "SEGMIND_HOME": str(store.settings.home),
            "SEGMIND_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
    )
    providers = registry.build(settings)
    statuses = {Refusal.FORGED: 403, Refusal.STALE: 403, Refusal.MALFORMED: 400}

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            status = 404
            if path.startswith("/api/webhooks/"):
                call = WebhookRequest.of(
                    body, dict(self.headers), query=query, received_at=clock.wall()
                )
                try:
                    answer = receipts.accept(
                        store, providers, path.rpartition("/")[2], call, clock.now()
                    )
                    refused = isinstance(answer, Refused)
                    status = statuses.get(answer.reason, 413) if refused else 200
                except DBAPIError:
                    status = 503
            self._answer(status)

        def do_GET(self) -> None:
            self._answer(404)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def killings(
    field: Field,
    draw: random.Random,
    kills: int,
    *,
    lease: float,
    grace: float,
    silence: float | None = None,
    workers: int = 2,
    between: tuple[int, int] = (20, 200),
) -> int:
    """SIGKILL a worker again and again, each time when the vendors have taken ``between`` so many
    more messages; each is replaced at once. Returns how many kills met a sending process."""
    for _ in range(workers):
        field.start(lease=lease, grace=grace, silence=silence)
    done = 0
    for _ in range(kills):
        if not field.wait_for_progress(draw.randint(*between)):
            break
        victim = field.workers.pop(draw.randrange(len(field.workers)))
        victim.kill()
        done += 1
        field.start(lease=lease, grace=grace, silence=silence)
    return done


def without_hangs() -> str:
    """The mixed plan for runs of seconds: every fault but those that take ten of them."""
    faults = tuple(fault for fault in MIXED.faults if fault.kind is not Kind.HANG)
    return json.dumps(to_json(replace(MIXED, name="mixed without hangs", faults=faults)))


def told(name: str, seed: int, figures: object, extra: Sequence[object] = ()) -> None:
    """Print a run's figures with its seed."""
    sys.stdout.write(f"\n{name} (seed {seed}): {figures} {' '.join(map(str, extra))}\n")
