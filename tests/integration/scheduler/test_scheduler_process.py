"""``python -m scheduler``: quick, one of many, easy to stop, and not harmed by kill -9."""

from __future__ import annotations

import random
import signal
from typing import Any

import pytest
from sqlalchemy import text

from segmind.automations import automation as automations
from segmind.automations import recipes
from segmind.automations.definition import parse
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.lifecycle import Status
from segmind.consent.addresses import address_key
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.messages import send_one
from segmind.messages.lifecycle import State
from segmind.messages.send_one import SendRequest
from segmind.templates.template import EmailDraft

EMAIL = {"channel": "email", "subject": "Hello", "body": "<p>Spring is here.</p>"}


def broadcast(office: Any, recipients: int) -> int:
    office.customers(recipients)
    with office.store.engine.begin() as conn:
        campaign = campaigns.create(
            conn,
            name="Spring",
            channel="email",
            now=office.now,
            actor="test",
            segment_id=office.everybody,
            content=EMAIL,
            holdout_percent=0.0,
        )
        moves.send_now(conn, campaign.id, office.now, "test")
    return campaign.id


def status(office: Any, campaign: int) -> Status:
    return Status(office.one("SELECT status FROM campaign WHERE id = :id", id=campaign))


def sent(office: Any) -> int:
    return int(office.one("SELECT count(*) FROM sandbox_parcel"))


def stops_when_asked(office: Any, process: Any, how: signal.Signals) -> None:
    assert office.stop(process, how) < 5.0
    assert process.returncode == 0
    assert office.rows("SELECT process FROM heartbeat") == []
    assert "Traceback" not in office.log()


def test_a_queued_message_goes_out_at_once_its_receipt_follows_and_ctrl_c_stops_it(
    office: Any,
) -> None:
    process = office.start()
    with office.store.engine.begin() as conn:
        send_one.send(
            conn,
            address_key(office.store.settings.secret_key),
            SendRequest(
                channel="email",
                address="ada@example.com",
                draft=EmailDraft(subject="Your order", body="<p>Thank you.</p>"),
            ),
            office.now,
        )
    out = office.wait(lambda: sent(office) == 1, 10, "it never left")
    assert out < 2.0, f"it took {out:.2f} s"
    # The carrier itself takes up to 2 seconds to deliver.
    reported = "SELECT count(*) FROM message WHERE delivery >= 4"
    back = office.wait(lambda: office.one(reported) == 1, 10, "no receipt came")
    assert back < 4.5, f"the receipt took {back:.2f} s"
    stops_when_asked(office, process, signal.SIGINT)


def crash(office: Any, recipients: int, kills: int, seed: int) -> None:
    """Kill the scheduler again and again in the middle of a broadcast; let it finish; look."""
    draw = random.Random(seed)
    campaign = broadcast(office, recipients)
    process = office.start(ready=False)
    marks = sorted(draw.uniform(0.02, 0.9) for _ in range(kills))
    for mark in marks:
        office.wait(lambda mark=mark: sent(office) >= mark * recipients, 120, "it stood still")
        office.kill(process)
        office.leases_run_out()
        process = office.start(ready=False)
    office.wait(lambda: status(office, campaign) is Status.SENT, 240, "it was never finished")
    twice = office.one("SELECT count(*) FROM sandbox_parcel WHERE times > 1")
    states = dict(office.rows("SELECT state, count(*) FROM message GROUP BY 1"))
    assert (sent(office), twice) == (recipients, 0)
    assert states == {State.ACCEPTED: recipients}
    assert office.one("SELECT audience_size FROM campaign") == recipients
    assert office.one("SELECT count(DISTINCT customer_id) FROM message") == recipients


def test_killed_in_the_middle_of_a_broadcast_every_recipient_is_reached_once(office: Any) -> None:
    crash(office, recipients=2_500, kills=2, seed=7)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_five_times_twenty_thousand_recipients_are_reached_once(office: Any) -> None:
    crash(office, recipients=20_000, kills=5, seed=11)


def test_two_schedulers_send_one_broadcast_once(office: Any) -> None:
    for _ in range(2):
        office.start(ready=False)
    campaign = broadcast(office, 2_000)
    office.wait(lambda: status(office, campaign) is Status.SENT, 90, "it was never finished")
    assert office.rows("SELECT count(*), max(times) FROM sandbox_parcel") == [(2_000, 1)]
    assert office.one("SELECT count(*) FROM campaign_run") == 1
    assert office.one("SELECT count(*) FROM audit WHERE action = 'campaign.sent'") == 1


def test_it_goes_on_when_its_connections_are_cut(office: Any) -> None:
    process = office.start()
    campaign = broadcast(office, 500)
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(5):
        with office.store.engine.begin() as conn:
            conn.execute(cut)
        office.store.engine.dispose()
        office.wait(lambda: True, 1, "")
    office.wait(lambda: sent(office) == 500, 60, "it stood still")
    office.leases_run_out()
    office.wait(lambda: status(office, campaign) is Status.SENT, 60, "it was never finished")
    assert process.poll() is None
    assert office.one("SELECT max(times) FROM sandbox_parcel") == 1


def test_cart_recovery_runs_by_itself_and_ends_with_the_process(office: Any) -> None:
    office.customers(2)
    ada, bob = (row[0] for row in office.rows("SELECT id FROM customer ORDER BY id"))
    definition = recipes.cart_recovery().as_json()
    definition["steps"][0]["seconds"] = 4
    with office.store.engine.begin() as conn:
        made = automations.create(conn, "Cart", parse(definition), office.now, "test")
        automations.set_state(conn, made.id, "live", office.now, "test")
    process = office.start()
    for customer in (ada, bob):
        happens(office, customer, "product_added")
    runs = "SELECT count(*) FROM automation_run"
    office.wait(lambda: office.one(runs) == 2, 10, "no run began")
    happens(office, bob, "order_completed")
    office.wait(lambda: sent(office) == 1, 20, "no message left")
    office.wait(
        lambda: office.one("SELECT count(*) FROM automation_run WHERE state = 'exited'") == 2,
        10,
        "the runs did not end",
    )
    assert office.rows("SELECT customer_id, step FROM message") == [(ada, "send_email")]
    assert office.rows(
        "SELECT customer_id, exit_reason FROM automation_run ORDER BY customer_id"
    ) == [(ada, "finished"), (bob, "goal")]
    kinds = "SELECT DISTINCT source_kind, source_id FROM event_recent WHERE message_id IS NOT NULL"
    # The carrier took it before that was written down.
    office.wait(lambda: office.rows(kinds) == [(2, made.id)], 10, "its sending was not written")
    stops_when_asked(office, process, signal.SIGTERM)


def happens(office: Any, customer: int, name: str) -> None:
    event = NewEvent(event_id=None, name=name, ts=office.now, customer_id=customer, quantity=1)
    with office.store.engine.begin() as conn:
        ingest.append(conn, [event], office.now)
