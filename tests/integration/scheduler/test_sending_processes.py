"""Processes that help to send: they come when there is much, go when asked, and double nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_scheduler_process import broadcast, sent, status

from scheduler import sender, senders
from scheduler.senders import Senders
from segmind.campaigns.lifecycle import Status
from segmind.db.engine import Store
from segmind.events.schema import Source
from segmind.messages import sources
from segmind.messages.lifecycle import State

#: Waits for the end of its input, as a sending process does.
PATIENT = (sys.executable, "-c", "import sys; sys.stdin.read()")


def wait(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


@pytest.fixture
def busy(office: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with two messages to send, which is much here, and room for two helpers."""
    monkeypatch.setattr(senders, "MUCH", 2)
    monkeypatch.setattr(senders, "REST_SECONDS", 0.0)
    enqueue(office, 2)
    store: Store = office.store
    yield replace(store, settings=replace(store.settings, senders=2))


def enqueue(office: Any, count: int) -> None:
    with office.store.engine.begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO recipient_portion (source_kind, source_id, channel, template_version_id,"
            " expires_at, size, customer_ids, addresses, address_hashes)"
            f" SELECT 1, 7, 1, 1, now() + interval '1 day', {count}, array_agg(NULL::bigint),"
            " array_agg('a@example.com'::text), string_agg(sha256(n::text::bytea), '')"
            f" FROM generate_series(1, {count}) n"
        )


def test_no_more_processes_are_started_than_are_allowed(busy: Store) -> None:
    helpers = Senders(PATIENT)
    for _ in range(4):
        helpers.tend(busy)
    assert len(set(helpers.pids)) == 2
    helpers.ask_to_stop()
    helpers.wait(5.0)
    helpers.tend(busy)
    assert helpers.pids == []


def test_one_that_was_killed_is_replaced(busy: Store) -> None:
    helpers = Senders(PATIENT)
    helpers.tend(busy)
    (first,) = helpers.pids
    os.kill(first, signal.SIGKILL)

    def is_replaced() -> bool:
        helpers.tend(busy)
        return len(helpers.pids) == 2 and first not in helpers.pids

    assert wait(is_replaced)
    helpers.ask_to_stop()
    helpers.wait(5.0)


def test_little_to_send_and_what_is_slow_or_paused_start_nobody(busy: Store, office: Any) -> None:
    with busy.engine.begin() as conn:
        assert sources.has_much(conn, 2)
        assert not sources.has_much(conn, 3)
        sources.set_rate(conn, Source.CAMPAIGN, 7, 10)
        assert not sources.has_much(conn, 2)
        sources.set_rate(conn, Source.CAMPAIGN, 7, 5_000)
        assert sources.has_much(conn, 2)
        sources.set_state(conn, Source.CAMPAIGN, 7, "paused", "", office.now)
        assert not sources.has_much(conn, 2)
    helpers = Senders(PATIENT)
    helpers.tend(busy)
    assert helpers.pids == []


def test_a_helper_ends_when_nothing_is_left(office: Any) -> None:
    enqueue(office, 3)  # to a bare address without consent: skipped, which is an end too
    sender.send(office.store, threading.Event(), idle_seconds=0.2)
    assert office.rows("SELECT state, count(*) FROM message GROUP BY 1") == [(State.SKIPPED, 3)]


def test_a_helper_sends_beside_a_scheduler_and_goes_when_asked(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(senders, "MUCH", 1)
    office.start()
    campaign = broadcast(office, 1_500)
    helpers = Senders()
    helped = replace(office.store, settings=replace(office.store.settings, senders=1))
    assert wait(lambda: helpers.tend(helped) or bool(helpers.pids), 30)
    office.wait(lambda: status(office, campaign) is Status.SENT, 90, "it was never finished")
    assert office.rows("SELECT count(*), max(times) FROM sandbox_parcel") == [(1_500, 1)]
    (helper,) = helpers.pids
    helpers.ask_to_stop()
    helpers.wait(5.0)
    assert not Path(f"/proc/{helper}").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_helpers_go_with_a_scheduler_that_is_killed_and_nobody_is_reached_twice(
    office: Any,
) -> None:
    recipients = 3 * senders.MUCH
    campaign = broadcast(office, recipients)
    scheduler = office.start(ready=False, SEGMIND_SENDERS="2")

    def helpers() -> list[int]:
        # A child belongs to the thread that started it.
        threads = Path(f"/proc/{scheduler.pid}/task").glob("*/children")
        return [int(pid) for children in threads for pid in children.read_text().split()]

    office.wait(lambda: len(helpers()) == 2, 120, "nobody came to help")
    office.wait(lambda: sent(office) > recipients // 3, 120, "it stood still")
    left = helpers()
    os.kill(left[0], signal.SIGKILL)
    office.kill(scheduler)
    assert wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), 6.0)
    office.start()
    office.wait(lambda: status(office, campaign) is Status.SENT, 400, "it was never finished")
    assert office.rows("SELECT count(*), max(times) FROM sandbox_parcel") == [(recipients, 1)]
