"""The dispatcher in rounds: what leaves, what does not, and what is written down."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of
from sqlalchemy.exc import DBAPIError

from segmind.channels.outcome import Accepted, InDoubt, Rejected, Retry
from segmind.events.schema import Channel
from segmind.messages import queries, sources
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher, Shared
from segmind.messages.lifecycle import State
from segmind.workspace.product_settings import Cap, ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})


def dispatcher(bench: Bench, provider: Scripted, **options: object) -> Dispatcher:
    options.setdefault("settings", OPEN)
    options.setdefault("now", lambda: NOON)
    return Dispatcher(bench.store, registry_of(provider), seed=1, **options)  # type: ignore[arg-type]


def test_a_broadcast_reaches_everybody_once(bench: Bench) -> None:
    people = bench.customers(30)
    assert bench.broadcast(people, bench.version()) == 30
    provider = Scripted()
    report = dispatcher(bench, provider).run_until_idle()
    assert report.accepted == 30
    assert len(set(provider.ids)) == len(provider.ids) == 30
    assert bench.states() == {State.ACCEPTED: 30}
    assert bench.rows("SELECT accepted, last_id - first_id FROM micro_batch") == [(30, 29)]
    assert bench.value("SELECT count(*) FROM recipient_portion") == 0
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 10 AND source_id = 1") == 30


def test_enqueuing_again_adds_nothing_and_sends_nothing(bench: Bench) -> None:
    people, version, provider = bench.customers(10), bench.version(), Scripted()
    bench.broadcast(people, version)
    dispatcher(bench, provider).run_until_idle()
    assert bench.broadcast(people, version, as_messages=True) == 0
    bench.broadcast(people, version)
    dispatcher(bench, provider).run_until_idle()
    assert len(provider.sent) == 10
    assert bench.states() == {State.ACCEPTED: 10}


def test_who_was_reached_before_is_passed_over_and_the_others_are_sent_theirs(
    bench: Bench,
) -> None:
    people, version, provider = bench.customers(10), bench.version(), Scripted()
    bench.broadcast(people[:4], version)
    dispatcher(bench, provider).run_until_idle()
    bench.broadcast(people, version)
    dispatcher(bench, provider).run_until_idle()
    assert len(set(provider.ids)) == len(provider.ids) == 10
    assert bench.states() == {State.ACCEPTED: 10}
    assert bench.value("SELECT sum(cardinality(days)) FROM contact_book") == 10


def test_each_gets_their_own_text_with_tracked_links_and_a_way_out(bench: Bench) -> None:
    bench.broadcast(bench.customers(2), bench.version())
    provider = Scripted()
    dispatcher(bench, provider).run_until_idle()
    first, second = sorted(provider.sent, key=lambda parcel: parcel.address)
    assert first.content.subject == "Hello Ada 1"  # type: ignore[union-attr]
    assert second.content.subject == "Hello Ada 2"  # type: ignore[union-attr]
    html = first.content.html  # type: ignore[union-attr]
    assert "https://shop.example.com/x" not in html
    assert html.count("/l/") == 2  # the link and the picture
    assert "/u/" in html
    headers = first.content.headers  # type: ignore[union-attr]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # One version's e-mails share their pieces, so a provider may send them in one request.
    assert first.content.html_part.pieces is second.content.html_part.pieces  # type: ignore[union-attr]
    assert bench.value("SELECT url FROM link") == "https://shop.example.com/x"


def test_who_said_no_since_the_audience_was_built_gets_nothing(bench: Bench) -> None:
    people = bench.customers(4)
    bench.broadcast(people, bench.version())
    bench.run("UPDATE customer SET email_consent = 0 WHERE id = :id", id=people[0])
    bench.run("UPDATE customer SET erased_at = now() WHERE id = :id", id=people[1])
    from segmind.consent import suppressions

    with bench.store.engine.begin() as conn:
        suppressions.add(conn, bench.key, "email", " ADA3@example.com", "complaint", "test", NOON)
    provider = Scripted()
    report = dispatcher(bench, provider).run_until_idle()
    assert report.skipped == 3
    assert [parcel.address for parcel in provider.sent] == ["ada4@example.com"]
    reasons = bench.rows("SELECT skip_reason FROM message WHERE state = 7 ORDER BY 1")
    assert [reason for (reason,) in reasons] == ["erased", "no_consent", "suppressed"]


def test_a_cap_holds_across_campaigns_and_is_given_back_on_failure(bench: Bench) -> None:
    people, version = bench.customers(5), bench.version()
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=1, per_week=7)})
    bench.broadcast(people, version, source_id=1)
    refusing = Scripted(answer=lambda parcel: Rejected("bad", "No."))
    dispatcher(bench, refusing, settings=settings).run_until_idle()
    assert bench.value("SELECT sum(cardinality(days)) FROM contact_book") == 0
    bench.broadcast(people, version, source_id=2)
    bench.broadcast(people, version, source_id=3)
    provider = Scripted()
    dispatcher(bench, provider, settings=settings).run_until_idle()
    assert len(provider.sent) == 5
    assert bench.states(2) == {State.ACCEPTED: 5}
    assert bench.states(3) == {State.SKIPPED: 5}
    assert bench.value("SELECT sum(cardinality(days)) FROM contact_book") == 5


def test_quiet_hours_move_the_message_to_the_opening_or_let_it_expire(bench: Bench) -> None:
    settings = ProductSettings(caps={})
    people = bench.customers(2, timezone="America/Los_Angeles")
    version = bench.version("sms")
    bench.broadcast(people[:1], version, Channel.SMS, source_id=1, lifetime=timedelta(hours=9))
    bench.broadcast(people[1:], version, Channel.SMS, source_id=2, lifetime=timedelta(hours=4))
    provider = Scripted("sms")
    # 12:00 UTC is 04:00 in Los Angeles; it opens at 09:00, 17:00 UTC.
    report = dispatcher(bench, provider, settings=settings).run_until_idle()
    assert (report.deferred, report.expired, provider.sent) == (1, 1, [])
    assert bench.states(2) == {State.EXPIRED: 1}
    assert bench.value("SELECT due_at FROM message WHERE state = 4") == NOON + timedelta(hours=5)
    later = NOON + timedelta(hours=5)
    dispatcher(bench, provider, settings=settings, now=lambda: later).run_until_idle()
    assert bench.states(1) == {State.ACCEPTED: 1}


def test_a_paused_source_sends_nothing_and_resuming_loses_nothing(bench: Bench) -> None:
    bench.broadcast(bench.customers(20), bench.version())
    provider = Scripted()

    def pause_after_first(parcel: object) -> Accepted:
        if len(provider.sent) == 5:
            with bench.store.engine.begin() as conn:
                sources.set_state(conn, 1, 1, "paused", "by hand", NOON)
        return Accepted(f"P{len(provider.sent)}-{id(parcel)}")

    provider.answer = pause_after_first
    provider.batch_size = 5
    report = dispatcher(bench, provider).run_until_idle()
    assert (len(provider.sent), report.seen) == (5, 5)
    assert bench.states() == {State.ACCEPTED: 5, State.READY: 15}
    assert bench.states() == {State.ACCEPTED: 5, State.READY: 15}
    with bench.store.engine.begin() as conn:
        sources.set_state(conn, 1, 1, "open", "", NOON)
    dispatcher(bench, provider).run_until_idle()
    assert bench.states() == {State.ACCEPTED: 20}
    assert len(set(provider.ids)) == 20


def test_a_cancelled_source_stays_cancelled(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version(), as_messages=True)
    with bench.store.engine.begin() as conn:
        sources.set_state(conn, 1, 1, "cancelled", "by hand", NOON)
    provider = Scripted()
    assert dispatcher(bench, provider).run_until_idle().seen == 0
    with bench.store.engine.begin() as conn, pytest.raises(sources.SourceCancelled):
        sources.set_state(conn, 1, 1, "open", "", NOON)
    with bench.store.engine.connect() as conn:
        page = queries.search(conn, queries.MessageFilter(source_kind=1, source_id=1))
    assert {message.status for message in page.messages} == {"cancelled"}


def test_a_poisoned_text_fails_alone_with_its_line(bench: Bench) -> None:
    people = bench.customers(10)
    body = "Hi {{ first_name }}\n{% if customer.traits.bad %}{{ 1 | divided_by: 0 }}{% endif %}"
    version = bench.version("sms", body)
    run = "UPDATE customer SET traits = '{\"bad\": true}' WHERE id = :id"
    bench.run(run, id=people[3])
    bench.broadcast(people, version, Channel.SMS)
    provider = Scripted("sms")
    report = dispatcher(bench, provider).run_until_idle()
    assert (report.accepted, report.failed) == (9, 1)
    row = bench.rows("SELECT customer_id, error_class, error_message FROM message WHERE state = 6")
    assert row[0][:2] == (people[3], "render")
    assert "line 2" in str(row[0][2])


def test_what_is_proved_unsent_is_tried_again_when_due(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version())
    answers = iter([Retry("busy", "Try later.", 30.0)] * 3)
    provider = Scripted(answer=lambda parcel: next(answers, Accepted(parcel.address)))
    assert dispatcher(bench, provider).run_until_idle().retried == 3
    due = bench.rows("SELECT due_at FROM message")
    assert all(timedelta(seconds=30) <= at - NOON <= timedelta(seconds=34) for (at,) in due)
    assert dispatcher(bench, provider).run_until_idle().seen == 0
    later = NOON + timedelta(minutes=1)
    dispatcher(bench, provider, now=lambda: later).run_until_idle()
    assert bench.states() == {State.ACCEPTED: 3}
    assert bench.value("SELECT max(attempt) FROM message") == 2


def test_tries_end_after_eight_but_too_many_requests_cost_none(bench: Bench) -> None:
    people, version = bench.customers(2), bench.version()
    days = timedelta(days=3)
    bench.broadcast(people[:1], version, source_id=1, lifetime=days, as_messages=True)
    bench.broadcast(people[1:], version, source_id=2, lifetime=days, as_messages=True)
    ids = dict(bench.rows("SELECT public_id, source_id FROM message"))

    def answer(parcel: object) -> Retry:
        limited = ids[parcel.message_public_id] == 2  # type: ignore[attr-defined]
        return Retry("no", "Not now.", 1.0, http_status=429 if limited else 503)

    provider = Scripted(answer=answer)  # type: ignore[arg-type]
    for hour in range(20):
        at = NOON + timedelta(hours=hour)
        dispatcher(bench, provider, now=lambda at=at: at).run_once()
    assert bench.states(1) == {State.FAILED: 1}
    assert provider.ids.count(next(k for k, v in ids.items() if v == 1)) == 8
    assert bench.states(2) == {State.RETRY: 1}
    assert bench.value("SELECT error_class FROM message WHERE source_id = 1") == "exhausted"


def test_an_ambiguous_answer_is_never_tried_again_blindly(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("The answer was cut off."))
    assert dispatcher(bench, provider).run_until_idle().in_doubt == 3
    later = NOON + timedelta(hours=5)
    assert dispatcher(bench, provider, now=lambda: later).run_until_idle().seen == 0
    assert len(provider.sent) == 3


def test_a_provider_that_raises_leaves_its_batch_in_doubt(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version())

    def breaks(parcel: object) -> Accepted:
        raise RuntimeError("half of it was written")

    assert dispatcher(bench, Scripted(answer=breaks)).run_until_idle().in_doubt == 3
    assert bench.states() == {State.IN_DOUBT: 3}


def test_a_refused_address_is_suppressed(bench: Bench) -> None:
    people = bench.customers(1)
    bench.broadcast(people, bench.version())
    refusing = Scripted(answer=lambda parcel: Rejected("21614", "No mobile.", suppress=True))
    dispatcher(bench, refusing).run_until_idle()
    assert bench.value("SELECT reason FROM suppression") == "hard_bounce"
    assert bench.value("SELECT email_suppressed FROM customer WHERE id = :id", id=people[0])


def test_a_refused_set_up_fails_nobody(bench: Bench) -> None:
    bench.broadcast(bench.customers(6), bench.version())
    provider = Scripted(answer=lambda parcel: Rejected("20003", "Bad key.", pause_sender=True))
    provider.batch_size = 2
    report = dispatcher(bench, provider).run_until_idle()
    assert len(provider.sent) == 2  # the rest was not even tried
    assert (report.retried, report.seen) == (2, 2)
    assert bench.states() == {State.RETRY: 2, State.READY: 4}
    assert bench.value("SELECT max(attempt) FROM message") == 0


def test_a_provider_on_trial_gets_a_few_single_messages_however_many_wait(bench: Bench) -> None:
    bench.broadcast(bench.customers(100), bench.version())
    bench.make_single()
    provider = Scripted()
    sender = dispatcher(bench, provider, channels=[Channel.EMAIL], shared=(shared := Shared()))
    breaker = shared.experience.breakers.of("scripted")
    breaker.heed([InDoubt("It answered 503.", 503)] * 20)
    assert sender.run_once().seen == 0  # left alone
    breaker._until = 0.0
    assert [sender.run_once().accepted for _ in range(6)] == [1, 2, 4, 8, 16, 69]


def test_a_round_that_breaks_off_gives_its_probe_back(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version(), as_messages=True)
    bench.run("UPDATE message SET state = 4")
    sender = dispatcher(bench, Scripted(), channels=[Channel.EMAIL], shared=(shared := Shared()))
    breaker = shared.experience.breakers.of("scripted")
    breaker.heed([InDoubt("It answered 503.", 503)] * 20)
    breaker._until = 0.0
    bench.run("ALTER TABLE customer RENAME TO away")
    with pytest.raises(DBAPIError):
        sender.run_once()
    bench.run("ALTER TABLE away RENAME TO customer")
    assert sender.run_once().accepted == 1


def test_a_source_keeps_its_rate(bench: Bench) -> None:
    bench.broadcast(bench.customers(30), bench.version())
    with bench.store.engine.begin() as conn:
        sources.set_rate(conn, 1, 1, 5)
    provider = Scripted()
    sender = dispatcher(bench, provider)
    began = time.monotonic()
    report = sender.run_once()
    # A token comes every fifth of a second, also while a slow machine sends.
    assert 5 <= report.accepted <= 5 * (1 + time.monotonic() - began)
    bench.run("UPDATE send_bucket SET tokens = 0, filled_at = now() + interval '1 hour'")
    again = dispatcher(bench, provider).run_once()
    assert again.throttled  # no token comes while the bucket's clock is ahead
    assert again.accepted == 0


def test_a_provider_keeps_its_rate(bench: Bench) -> None:
    bench.broadcast(bench.customers(30), bench.version())
    provider = Scripted()
    sender = dispatcher(bench, provider, provider_rates={"scripted": 7})
    began = time.monotonic()
    sent = sender.run_once().accepted
    assert 7 <= sent <= 7 * (1 + time.monotonic() - began)
    # The rest is not even claimed.
    assert bench.states() == {State.ACCEPTED: sent, State.READY: 30 - sent}


def test_the_sandbox_takes_a_broadcast_and_writes_it_down(bench: Bench) -> None:
    bench.broadcast(bench.customers(12), bench.version())
    registry = open_registry(bench.store)
    Dispatcher(bench.store, registry, OPEN, now=lambda: NOON).run_until_idle()
    assert bench.rows("SELECT count(*), sum(times) FROM sandbox_parcel") == [(12, 12)]


def test_one_question_tells_whether_anything_is_to_be_sent(bench: Bench) -> None:
    def is_any(at: datetime = NOON) -> bool:
        with bench.store.engine.connect() as conn:
            return sources.has_any(conn, at)

    people, version = bench.customers(3), bench.version()
    assert not is_any()
    bench.broadcast(people, version)
    assert is_any()
    dispatcher(bench, Scripted()).run_until_idle()
    assert not is_any()
    bench.broadcast(people, version, source_id=2, due_at=NOON + timedelta(hours=1))
    assert not is_any()
    assert is_any(NOON + timedelta(hours=1))
    dispatcher(bench, Scripted(), now=lambda: NOON + timedelta(hours=1)).run_until_idle()
    bench.broadcast(people, version, source_id=3, as_messages=True)
    assert is_any()
