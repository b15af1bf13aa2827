"""Erasing a customer: nothing sent leads back to them, and nobody writes to them again."""

from __future__ import annotations

from datetime import timedelta

from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import Accepted, Outcome
from segmind.channels.provider import Parcel
from segmind.consent import unsubscribe
from segmind.customers import erasure as customer_erasure
from segmind.customers.facts import read_facts
from segmind.messages import inbox, personal_data, portions, queries, receipts, send_one
from segmind.messages.dispatch import Dispatcher
from segmind.messages.erasure import forgetting
from segmind.messages.lifecycle import State
from segmind.messages.send_one import SendRequest
from segmind.messages.sources import SourceKey
from segmind.templates.template import SmsDraft
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})


def test_an_erased_customer_leaves_only_hashes_and_counts(bench: Bench) -> None:
    gone, stays = bench.customers(2)
    version = bench.version()
    bench.broadcast([gone, stays], version, source_id=1)
    provider = Scripted()
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    bench.broadcast([gone, stays], version, source_id=2)
    public_id = bench.value("SELECT public_id FROM message WHERE customer_id = :i", i=gone)
    bounce = Delivery(
        Word.BOUNCED_SOFT, "scripted", NOON, "k", public_id,  # type: ignore[arg-type]
        address="ada1@example.com", reason="<ada1@example.com> mailbox full",
    )  # fmt: skip
    with bench.store.engine.begin() as conn:
        inbox.store(conn, [bounce], NOON)
    receipts.reduce_inbox(bench.store, NOON)
    with bench.store.engine.begin() as conn:
        customer_erasure.erase(conn, gone, NOON, also=[forgetting(bench.key, NOON)])

    assert bench.value("SELECT addresses FROM recipient_portion") in (
        [None, "ada2@example.com"],
        ["ada2@example.com", None],
    )
    for table in (
        "message",
        "attempt",
        "webhook_inbox",
        "suppression",
        "customer",
        "recipient_portion",
    ):
        assert bench.value(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE '%ada1@%'") == 0
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    assert bench.value("SELECT count(*) FROM message WHERE customer_id = :i", i=gone) == 2
    assert bench.states(2) == {State.SKIPPED: 1, State.ACCEPTED: 1}
    with bench.store.engine.connect() as conn:
        history = queries.one(conn, str(public_id))
    assert history.message.address is None
    assert history.message.status == "bounced"


def test_a_copy_of_somebodys_data_names_what_is_still_to_be_sent(bench: Bench) -> None:
    somebody, another = bench.customers(2)
    bench.broadcast([somebody, another], bench.version(), source_id=7)

    def still_to_be_sent() -> list[tuple[object, ...]]:
        with bench.store.engine.connect() as conn:
            copy = personal_data.export(conn, read_facts(bench.store), somebody)
        return [
            (row["source_id"], row["channel"], row["address"], row["content"]["subject"])
            for row in copy["to_be_sent"]
        ]

    assert still_to_be_sent() == [(7, "email", "ada1@example.com", "Hello {{ first_name }}")]
    with bench.store.engine.begin() as conn:
        portions.withdraw(conn, SourceKey(1, 7))
    assert still_to_be_sent() == []


def test_who_is_erased_while_the_provider_is_called_gets_no_event(bench: Bench) -> None:
    gone, stays = bench.customers(2)
    bench.broadcast([gone, stays], bench.version(), source_id=1)

    def erasing(parcel: Parcel) -> Outcome:
        if parcel.address == "ada1@example.com":
            with bench.store.engine.begin() as conn:
                customer_erasure.erase(conn, gone, NOON, also=[forgetting(bench.key, NOON)])
        return Accepted(f"P{parcel.message_public_id.hex}")

    registry = registry_of(Scripted(answer=erasing))
    Dispatcher(bench.store, registry, OPEN, now=lambda: NOON).run_until_idle()
    assert bench.states(1) == {State.ACCEPTED: 2}
    assert bench.rows("SELECT customer_id FROM event_recent WHERE source_id = 1") == [(stays,)]


def test_a_text_that_was_written_for_one_message_goes_with_its_reader(bench: Bench) -> None:
    gone, stays = bench.customers(2)
    with bench.store.engine.begin() as conn:
        for person in (gone, stays):
            draft = SmsDraft(body=f"Dear Ada number {person}, your parcel is here.")
            request = SendRequest("sms", customer_id=person, draft=draft)
            send_one.send(conn, bench.key, request, NOON)
        customer_erasure.erase(conn, gone, NOON, also=[forgetting(bench.key, NOON)])
    texts = bench.value("SELECT string_agg(body::text, ' ') FROM template_version")
    assert f"number {stays}," in str(texts)
    assert f"number {gone}," not in str(texts)


def test_who_comes_back_and_says_yes_is_written_to_again(bench: Bench) -> None:
    gone = bench.customers(1)[0]
    with bench.store.engine.begin() as conn:
        customer_erasure.erase(conn, gone, NOON, also=[forgetting(bench.key, NOON)])
    bench.run("INSERT INTO customer (email, email_consent) VALUES ('ada1@example.com', 1)")
    back = int(str(bench.value("SELECT max(id) FROM customer")))
    provider, later = Scripted(), NOON + timedelta(hours=1)
    bench.broadcast([back], bench.version(), source_id=1)
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    assert bench.states(1) == {State.SKIPPED: 1}
    with bench.store.engine.begin() as conn:
        unsubscribe.opt_in(
            conn, bench.key, "email", customer_id=back, source="form", evidence=None,
            actor="customer", now=later,
        )  # fmt: skip
    bench.broadcast([back], bench.version(), source_id=2)
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    assert bench.states(2) == {State.ACCEPTED: 1}
