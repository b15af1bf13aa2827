"""Putting messages in: once, whatever is repeated."""

from __future__ import annotations

import threading
from datetime import timedelta

import polars as pl
import pytest
from sending_bench import NOON, Bench, Scripted, registry_of
from sqlalchemy.exc import IntegrityError

from segmind.consent.purpose import Purpose
from segmind.errors import InvalidInput
from segmind.events.schema import Channel, Source
from segmind.messages import outbox, send_one
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.messages.outbox import KeyReused, NewMessage
from segmind.messages.send_one import SendRequest
from segmind.templates.template import EmailDraft, SmsDraft
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})


def test_one_address_gets_one_message_per_campaign(bench: Bench) -> None:
    people = bench.customers(3)
    bench.run("UPDATE customer SET email = 'ADA1@example.com' WHERE id = :id", id=people[1])
    version = bench.version()
    assert bench.broadcast(people, version, source_id=1, as_messages=True) == 2
    assert bench.broadcast(people, version, source_id=1, as_messages=True) == 0
    assert bench.broadcast(people, version, source_id=2, as_messages=True) == 2


def test_of_two_recipients_with_one_address_one_becomes_a_message(bench: Bench) -> None:
    people = bench.customers(3)
    bench.run("UPDATE customer SET email = 'ADA1@example.com' WHERE id = :id", id=people[1])
    bench.broadcast(people, bench.version())
    provider = Scripted()
    sender = Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON, seed=1)
    sender.run_until_idle()
    assert sorted(parcel.address for parcel in provider.sent) == [
        "ada1@example.com", "ada3@example.com",
    ]  # fmt: skip
    assert bench.states() == {State.ACCEPTED: 2}


def test_a_half_done_freeze_is_finished_by_doing_it_again(bench: Bench) -> None:
    people, version = bench.customers(10), bench.version()
    assert bench.broadcast(people[:4], version, as_messages=True) == 4
    assert bench.broadcast(people, version, as_messages=True) == 6
    assert bench.states() == {State.READY: 10}


def test_an_automation_reaches_a_step_of_a_run_once(bench: Bench) -> None:
    people, version = bench.customers(2), bench.version()
    frame = pl.DataFrame(
        {
            "customer_id": people,
            "address": ["ada1@example.com", "ada2@example.com"],
            "run_id": [7, 8],
            "vars": ['{"cart": {"count": 2}}', None],
        }
    )
    with bench.store.engine.begin() as conn:
        for expected in (2, 0):
            new = outbox.enqueue_many(
                conn, bench.key, Source.AUTOMATION, 5, frame, version, "email",
                NOON, NOON + timedelta(hours=1), NOON, step="first",
            )  # fmt: skip
            assert new == expected
        one = NewMessage(
            Channel.EMAIL, "ada1@example.com", version, NOON, NOON + timedelta(hours=1),
            customer_id=people[0], source_kind=Source.AUTOMATION, source_id=5, run_id=7,
            step="first",
        )  # fmt: skip
        assert not outbox.enqueue_one(conn, bench.key, one, NOON).created
    assert bench.value("SELECT vars->'cart'->>'count' FROM message WHERE run_id = 7") == "2"


def test_what_is_due_later_waits(bench: Bench) -> None:
    later = NOON + timedelta(hours=2)
    bench.broadcast(bench.customers(1), bench.version(), due_at=later)
    assert bench.states() == {State.RETRY: 1}


def test_public_ids_are_version_7_and_unique(bench: Bench) -> None:
    bench.broadcast(bench.customers(50), bench.version(), as_messages=True)
    ids = [str(row[0]) for row in bench.rows("SELECT public_id FROM message ORDER BY id")]
    assert len(set(ids)) == 50
    assert {i[14] for i in ids} == {"7"}
    assert len({i[:13] for i in ids}) == 1
    assert {i[19] for i in ids} <= set("89ab")
    assert ids == sorted(ids)


def send(bench: Bench, **asked: object) -> outbox.MessageRef:
    asked.setdefault("channel", "email")
    asked.setdefault("draft", EmailDraft(subject="Hi", body="<p>Hi {{ code }}</p>"))
    asked.setdefault("vars", {"code": "1"})
    with bench.store.engine.begin() as conn:
        return send_one.send(conn, bench.key, SendRequest(**asked), NOON)  # type: ignore[arg-type]


def test_one_key_makes_one_message(bench: Bench) -> None:
    who = bench.customers(1)[0]
    first = send(bench, customer_id=who, idempotency_key="k1")
    again = send(bench, customer_id=who, idempotency_key="k1")
    assert (first.created, again.created) == (True, False)
    assert first.public_id == again.public_id
    assert bench.value("SELECT count(*) FROM template_version") == 1


def test_a_key_for_another_request_is_a_conflict(bench: Bench) -> None:
    who = bench.customers(1)[0]
    send(bench, customer_id=who, idempotency_key="k1")
    with pytest.raises(KeyReused) as caught:
        send(bench, customer_id=who, idempotency_key="k1", vars={"code": "2"})
    assert caught.value.field == "idempotency_key"


def test_two_at_once_with_one_key_make_one_message(bench: Bench) -> None:
    who = bench.customers(1)[0]
    made: list[outbox.MessageRef] = []

    def once() -> None:
        made.append(send(bench, customer_id=who, idempotency_key="k1"))

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ref.public_id for ref in made}) == 1
    assert [ref.created for ref in made].count(True) == 1


def test_an_address_of_one_customer_belongs_to_their_history(bench: Bench) -> None:
    who = bench.customers(1)[0]
    send(bench, address="ADA1@example.com")
    assert bench.value("SELECT customer_id FROM message") == who
    send(bench, address="nobody@example.com")
    send(bench, address="ada1@example.com", purpose=Purpose.TEST)
    rows = bench.rows("SELECT customer_id FROM message ORDER BY id")
    assert [row[0] for row in rows] == [who, None, None]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"address": "ada at example"}, "to"),
        ({"address": "0170 123", "channel": "sms", "draft": SmsDraft(body="x")}, "to"),
        ({"customer_id": 999}, "to"),
        ({}, "to"),
        ({"customer_id": 1, "address": "x@example.com"}, "to"),
        ({"address": "x@example.com", "draft": SmsDraft(body="x")}, "channel"),
        ({"address": "x@example.com", "draft": None}, "content"),
        ({"address": "x@example.com", "draft": EmailDraft(subject="{% if %}")}, "subject"),
        ({"address": "x@example.com", "vars": {}}, "body"),
        ({"address": "x@example.com", "purpose": "marketing"}, "body"),  # no postal address is set
        ({"address": "x@example.com", "draft": EmailDraft(subject="Hi")}, "body"),
        ({"address": "x@example.com", "draft": EmailDraft(body="Hi")}, "subject"),
        ({"address": "x@example.com", "idempotency_key": "k" * 201}, "idempotency_key"),
    ],
)
def test_what_cannot_become_a_message_is_refused_by_name(
    bench: Bench, asked: dict[str, object], field: str
) -> None:
    from segmind.errors import SegmindError

    with pytest.raises(SegmindError) as caught:
        send(bench, **asked)
    assert caught.value.field == field
    assert bench.value("SELECT count(*) FROM message") == 0


def test_a_customer_without_an_address_is_refused(bench: Bench) -> None:
    who = bench.customers(1)[0]
    bench.run("UPDATE customer SET email = NULL")
    with pytest.raises(InvalidInput, match="no address"):
        send(bench, customer_id=who)


def test_the_database_itself_refuses_a_second_message_to_an_address(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version(), as_messages=True)
    copy = """
        INSERT INTO message (public_id, source_kind, source_id, channel, address_hash,
                             template_version_id, due_at, expires_at, created_at)
        SELECT gen_random_uuid(), source_kind, source_id, channel, address_hash,
               template_version_id, due_at, expires_at, created_at FROM message
    """
    with pytest.raises(IntegrityError):
        bench.run(copy)
