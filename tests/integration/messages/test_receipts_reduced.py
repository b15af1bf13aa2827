"""Receipts: verified, stored once, and reduced to the same truth in any order."""

from __future__ import annotations

import itertools
import random
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import Accepted, InDoubt
from segmind.channels.registry import Registry
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.errors import NotFound
from segmind.events.schema import Channel
from segmind.messages import inbox, queries, receipts
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.messages.sandbox_post import SandboxRefused, post_due
from segmind.workspace.product_settings import ProductSettings
from tests.trying import examples

OPEN = ProductSettings(quiet_hours={}, caps={})
LATER = NOON + timedelta(hours=2)


def sent(bench: Bench, count: int = 1, channel: str = "email") -> list[uuid.UUID]:
    which = Channel[channel.upper()]
    bench.broadcast(bench.customers(count), bench.version(channel), which)
    provider = Scripted(channel, lambda p: Accepted(f"P{p.message_public_id.hex}"))
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    return [row[0] for row in bench.rows("SELECT public_id FROM message ORDER BY customer_id")]  # type: ignore[misc]


def report(message: uuid.UUID | None, word: Word, seconds: float = 60, **more: Any) -> Delivery:
    more.setdefault("dedupe_key", f"{message}:{word}:{seconds}")
    more.setdefault("provider", "scripted")
    return Delivery(
        word=word, at=NOON + timedelta(seconds=seconds), message_public_id=message, **more
    )


def take(bench: Bench, *deliveries: Delivery) -> None:
    with bench.store.engine.begin() as conn:
        inbox.store(conn, deliveries, LATER)
    while receipts.reduce_inbox(bench.store, LATER):
        pass


def test_an_open_moves_the_message_and_enters_the_log(bench: Bench) -> None:
    (message,) = sent(bench)
    take(bench, report(message, Word.DELIVERED), report(message, Word.OPENED, 90))
    with bench.store.engine.connect() as conn:
        found = queries.status(conn, message)
    assert (found.status, found.opens) == ("delivered", 1)
    assert found.opened_at == NOON + timedelta(seconds=90)
    kinds = bench.rows("SELECT kind, channel, source_kind, source_id FROM event_recent ORDER BY 1")
    assert kinds == [(10, 1, 1, 1), (11, 1, 1, 1), (13, 1, 1, 1)]


def test_a_machines_open_is_flagged_and_apart(bench: Bench) -> None:
    (message,) = sent(bench)
    take(bench, report(message, Word.OPENED, 1, machine=True))
    with bench.store.engine.connect() as conn:
        found = queries.status(conn, message)
    assert (found.opens, found.machine_opens, found.opened_at) == (0, 1, None)
    assert bench.value("SELECT machine FROM event_recent WHERE kind = 13") is True


def test_a_repeated_receipt_changes_nothing(bench: Bench) -> None:
    (message,) = sent(bench)
    click = report(message, Word.CLICKED, url="https://shop.example.com/x")
    take(bench, click, click)
    take(bench, click)
    assert bench.value("SELECT clicks FROM message") == 1
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 14") == 1


def test_a_receipt_about_the_future_is_about_now(bench: Bench) -> None:
    (message,) = sent(bench)
    take(bench, report(message, Word.DELIVERED, seconds=10 * 86_400))
    assert bench.value("SELECT delivered_at FROM message") == LATER
    assert bench.value("SELECT max(ts) FROM event_recent") == LATER


def test_a_hard_bounce_and_a_complaint_suppress_the_address(bench: Bench) -> None:
    first, second = sent(bench, 2)
    take(bench, report(first, Word.BOUNCED_HARD), report(second, Word.COMPLAINED))
    rows = bench.rows("SELECT email_suppressed, email_consent FROM customer ORDER BY id")
    assert rows == [(True, 1), (True, 0)]
    reasons = bench.rows("SELECT reason FROM suppression ORDER BY 1")
    assert [reason for (reason,) in reasons] == ["complaint", "hard_bounce"]


def test_stop_and_start_by_message_and_by_number(bench: Bench) -> None:
    (message,) = sent(bench, 1, "sms")
    take(bench, report(message, Word.INBOUND_STOP))
    assert bench.rows("SELECT sms_suppressed, sms_consent FROM customer") == [(True, 0)]
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 15") == 1
    number = "+1 (415) 555-0001"
    take(bench, report(None, Word.INBOUND_START, 120, address=number))
    assert bench.rows("SELECT sms_suppressed, sms_consent FROM customer") == [(False, 1)]
    take(bench, report(None, Word.INBOUND_STOP, 180, address=number))
    assert bench.rows("SELECT sms_suppressed, sms_consent FROM customer") == [(True, 0)]


def test_a_stop_from_an_unknown_number_counts_all_the_same(bench: Bench) -> None:
    take(bench, report(None, Word.INBOUND_STOP, address="+14155559999"))
    assert bench.value("SELECT reason FROM suppression") == "unsubscribed"


def test_a_receipt_with_the_providers_id_only_finds_its_message(bench: Bench) -> None:
    (message,) = sent(bench)
    late = report(None, Word.BOUNCED_HARD, dedupe_key="x", provider_id=f"P{message.hex}")
    take(bench, late)
    assert bench.value("SELECT delivery FROM message") == 5


def test_an_unknown_message_is_recorded_and_harmless(bench: Bench) -> None:
    take(bench, report(uuid.uuid4(), Word.DELIVERED))
    assert bench.value("SELECT outcome FROM webhook_inbox") == "unknown_message"
    assert bench.value("SELECT count(*) FROM event_recent") == 0


def test_an_erased_customer_is_not_brought_back(bench: Bench) -> None:
    (message,) = sent(bench)
    bench.run("UPDATE customer SET erased_at = now(), email = NULL")
    bench.run("UPDATE message SET address = NULL")
    take(bench, report(message, Word.OPENED), report(message, Word.COMPLAINED))
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind > 10") == 0
    assert bench.value("SELECT count(*) FROM consent_entry") == 0
    assert bench.value("SELECT reason FROM suppression") == "complaint"
    outcomes = bench.rows("SELECT DISTINCT outcome FROM webhook_inbox")
    assert outcomes == [("erased",)]


def test_a_receipt_settles_a_message_in_doubt(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())
    provider = Scripted(answer=lambda p: InDoubt("Cut off."))
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    take(bench, report(provider.ids[0], Word.SENT, provider_id="P1"))
    assert bench.states() == {State.ACCEPTED: 1}
    assert bench.value("SELECT provider_id FROM message") == "P1"
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 10") == 1


def test_a_receipt_before_the_answer_waits_for_the_answer(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())

    def answer(parcel: Any) -> Accepted:
        take(bench, report(parcel.message_public_id, Word.DELIVERED))
        return Accepted("P1")

    provider = Scripted(answer=answer)
    done = Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    assert done.accepted == 1
    assert bench.rows("SELECT state, delivery FROM message") == [(3, 4)]


WORDS = st.sampled_from([w for w in Word if w is not Word.INBOUND_TEXT])
SOME_REPORTS = st.lists(
    st.tuples(st.integers(0, 2), WORDS, st.integers(1, 5), st.booleans()), min_size=1, max_size=12
)
TRUTH = """
    SELECT m.id, m.state, m.delivery, m.provider_id, m.delivered_at, m.opened_at, m.clicked_at,
           m.unsubscribed_at, m.complained_at, m.opens, m.clicks, m.machine_opens,
           m.machine_clicks, c.sms_consent, c.sms_suppressed, s.reason
    FROM message m JOIN customer c ON c.id = m.customer_id
    LEFT JOIN suppression s ON s.address_hash = m.address_hash ORDER BY m.id
"""
EVENTS = (
    "SELECT kind, message_id, machine, count(*) FROM event_recent GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
LEDGER = (
    "SELECT customer_id, status, at, count(*) FROM consent_entry GROUP BY 1, 2, 3 ORDER BY 1, 3, 2"
)
FORGET = """
    TRUNCATE webhook_inbox, suppression, consent_entry, event_recent, event_seen;
    UPDATE customer SET sms_consent = 1, sms_suppressed = false;
    UPDATE message SET delivery = 0, delivered_at = NULL, opened_at = NULL, clicked_at = NULL,
        unsubscribed_at = NULL, complained_at = NULL, opens = 0, clicks = 0, machine_opens = 0,
        machine_clicks = 0
"""


def test_any_order_and_any_number_of_receipts_give_the_same_state(bench: Bench) -> None:
    messages = sent(bench, 3, "sms")

    def truth(deliveries: list[Delivery], cuts: list[int]) -> list[Any]:
        bench.run(FORGET)
        edges = [0, *sorted(cuts), len(deliveries)]
        for start, end in itertools.pairwise(edges):
            take(bench, *deliveries[start:end])
        return [bench.rows(query) for query in (TRUTH, EVENTS, LEDGER)]

    @settings(
        max_examples=examples(10),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(SOME_REPORTS, st.randoms(use_true_random=False))
    def check(said: list[tuple[int, Word, int, bool]], draw: random.Random) -> None:
        deliveries = [
            report(messages[who], word, at, machine=machine and word in {Word.OPENED, Word.CLICKED})
            for who, word, at, machine in said
        ]
        # One report is one fact: the same key never means two different things.
        deliveries = list({d.dedupe_key: d for d in deliveries}.values())
        expected = truth(deliveries, [])
        again = deliveries + draw.choices(deliveries, k=3)
        draw.shuffle(again)
        cuts = [draw.randint(0, len(again)) for _ in range(2)]
        assert truth(again, cuts) == expected

    check()


def test_several_reducers_at_once_apply_each_receipt_once(bench: Bench) -> None:
    messages = sent(bench, 20)
    deliveries = [
        report(message, word, n, dedupe_key=f"{message}{word}{n}")
        for message in messages
        for word in (Word.OPENED, Word.CLICKED)
        for n in range(5)
    ] + [report(message, Word.COMPLAINED) for message in messages]
    random.Random(1).shuffle(deliveries)
    with bench.store.engine.begin() as conn:
        inbox.store(conn, deliveries, LATER)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while receipts.reduce_inbox(bench.store, LATER, limit=15):
                pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bench.rows("SELECT DISTINCT opens, clicks FROM message") == [(5, 5)]
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind IN (13, 14)") == 200
    assert bench.value("SELECT count(*) FROM suppression") == 20


@pytest.fixture
def rehearsal(bench: Bench) -> Registry:
    bench.broadcast(bench.customers(150), bench.version())
    registry = open_registry(bench.store)
    Dispatcher(bench.store, registry, OPEN, now=lambda: NOON).run_until_idle()
    return registry


def test_the_sandbox_reports_through_the_same_door_as_a_vendor(
    bench: Bench, rehearsal: Registry
) -> None:
    far = bench.value("SELECT now() + interval '4 days'")
    posted = post_due(bench.store, rehearsal, far)  # type: ignore[arg-type]
    assert posted > 150
    assert post_due(bench.store, rehearsal, far) == 0  # type: ignore[arg-type]
    while receipts.reduce_inbox(bench.store, far):  # type: ignore[arg-type]
        pass
    assert bench.states() == {State.ACCEPTED: 150}
    ((delivered, bounced, opened),) = bench.rows("""
        SELECT count(*) FILTER (WHERE delivered_at IS NOT NULL AND delivery <> 5),
            count(*) FILTER (WHERE delivery = 5), count(opened_at)
        FROM message
    """)
    assert delivered + bounced == 150  # type: ignore[operator]
    assert delivered > 130  # type: ignore[operator]
    assert opened > 20  # type: ignore[operator]
    events = "SELECT count(*) FROM event_recent WHERE kind = 11"
    assert bench.value(events) == delivered


def test_the_sandbox_reports_on_even_while_the_products_clock_stands_still(
    bench: Bench, rehearsal: Registry
) -> None:
    bench.run("UPDATE sandbox_parcel SET accepted_at = accepted_at - interval '1 hour'")
    assert post_due(bench.store, rehearsal, NOON) > 100
    receipts.reduce_inbox(bench.store, NOON)
    assert bench.value("SELECT max(ts) FROM event_recent") == NOON


def test_a_report_that_could_not_be_posted_is_posted_again(
    bench: Bench, rehearsal: Registry
) -> None:
    far = bench.value("SELECT now() + interval '4 days'")
    with pytest.raises(SandboxRefused):
        post_due(bench.store, rehearsal, far, lambda request: False)  # type: ignore[arg-type]
    assert post_due(bench.store, rehearsal, far) > 150  # type: ignore[arg-type]


def test_a_forged_call_is_refused_and_leaves_nothing(bench: Bench, rehearsal: Registry) -> None:
    body = b'[{"word":"complained","provider":"sandbox"}]'
    for headers in ({}, {"X-Sandbox-Signature": "00", "X-Sandbox-Timestamp": "1"}):
        request = WebhookRequest.of(body, headers, received_at=NOON)
        answer = receipts.accept(bench.store, rehearsal, "sandbox", request, NOON)
        assert isinstance(answer, Refused)
    assert bench.value("SELECT count(*) FROM webhook_inbox") == 0
    with pytest.raises(NotFound):
        receipts.accept(
            bench.store, rehearsal, "nobody", WebhookRequest.of(b"", {}, received_at=NOON), NOON
        )
