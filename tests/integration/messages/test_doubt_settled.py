"""After crashes: what goes back, what is in doubt, and how doubt is settled."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.campaigns import progress
from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import Accepted, InDoubt, Outcome
from segmind.channels.provider import Found, NotFound, Parcel, Unknown
from segmind.events.schema import Channel
from segmind.messages import (
    broadcasting,
    handover,
    inbox,
    micro_batches,
    queries,
    reaper,
    receipts,
    reconcile,
    sending,
)
from segmind.messages.claim import LEASE_SECONDS
from segmind.messages.dispatch import Dispatcher
from segmind.messages.doubt_policy import DoubtPolicy
from segmind.messages.lifecycle import State
from segmind.workspace import product_settings
from segmind.workspace.product_settings import Cap, ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})
AT_ONCE = dict.fromkeys(Channel, DoubtPolicy(0.0))


def dispatcher(bench: Bench, provider: Scripted, **options: object) -> Dispatcher:
    options.setdefault("settings", OPEN)
    options.setdefault("now", lambda: NOON)
    return Dispatcher(bench.store, registry_of(provider), seed=1, **options)  # type: ignore[arg-type]


def doubtful(bench: Bench, count: int = 3) -> Scripted:
    bench.broadcast(bench.customers(count), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("Cut off."))
    dispatcher(bench, provider).run_until_idle()
    assert bench.states() == {State.IN_DOUBT: count}
    return provider


def settle(bench: Bench, provider: Scripted, **options: object) -> reconcile.ReconcileReport:
    options.setdefault("policies", AT_ONCE)
    return reconcile.run(bench.store, registry_of(provider), NOON, **options)  # type: ignore[arg-type]


def lease_over(bench: Bench) -> None:
    bench.run("UPDATE message SET lease_until = now() - interval '1 second'")
    bench.run("UPDATE micro_batch SET lease_until = now() - interval '1 second'")


def time_passes(bench: Bench, since: str) -> None:
    """The doubts are so old now; a question about them is due."""
    age = f"now() - interval '{since}'"
    bench.run(f"UPDATE message SET lease_until = {age}, due_at = now() WHERE state = 5")


def of_no_campaign(bench: Bench) -> None:
    """Make single messages of them, which are claimed one by one."""
    bench.make_single()


class _Killed(BaseException):
    """The process ends here."""


def test_a_database_clock_that_leaps_ahead_shortens_no_doubt(bench: Bench) -> None:
    bench.broadcast(bench.customers(2), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("It answered 500.", 500))
    dispatcher(bench, provider).run_until_idle()
    # The call is under way; then the clock is set an hour ahead, and the lease seems long over.
    bench.run("UPDATE message SET state = 2, lease_until = now() - interval '1 hour'")
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON).in_doubt == 2
    policies = {channel: DoubtPolicy(180.0, most_rounds=5) for channel in Channel}
    assert settle(bench, provider, policies=policies).again == 0  # "not found" proves nothing yet
    time_passes(bench, "181 seconds")
    assert settle(bench, provider, policies=policies).again == 2


def test_a_claim_that_was_never_sent_goes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=1, per_week=7)})
    bench.broadcast(bench.customers(5), bench.version())
    of_no_campaign(bench)
    victim = dispatcher(bench, Scripted(), settings=settings)

    def die(*args: object) -> None:
        raise _Killed

    monkeypatch.setattr(victim._sender, "send", die)
    with pytest.raises(_Killed):
        victim.run_once()
    assert bench.rows("SELECT DISTINCT state FROM message") == [(State.CLAIMED,)]
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON) == reaper.ReapReport(0, 0)  # the lease still runs
    lease_over(bench)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON) == reaper.ReapReport(5, 0)
    assert bench.rows("SELECT DISTINCT state FROM message") == [(State.READY,)]
    assert bench.value("SELECT sum(cardinality(days)) FROM contact_book") == 0
    provider = Scripted()
    dispatcher(bench, provider, settings=settings).run_until_idle()
    assert len(provider.sent) == 5


def test_a_micro_batch_that_dies_before_its_mark_has_done_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=1, per_week=7)})
    bench.broadcast(bench.customers(5), bench.version())
    victim = dispatcher(bench, Scripted(), settings=settings)

    def die(*args: object) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(micro_batches, "begin", die)
        with pytest.raises(_Killed):
            victim.run_once()
    assert bench.states() == {State.READY: 5}
    assert bench.value("SELECT count(*) FROM contact_book") == 0
    provider = Scripted()
    dispatcher(bench, provider, settings=settings).run_until_idle()
    assert len(provider.sent) == 5


def test_what_was_tried_before_and_claimed_in_vain_waits_as_a_retry(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version(), as_messages=True)
    bench.run("UPDATE message SET state = 1, attempt = 1, claim_token = gen_random_uuid()")
    lease_over(bench)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON).released == 1
    assert bench.states() == {State.RETRY: 1}


def test_no_message_is_in_two_micro_batches(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version())

    def dies(parcel: Parcel) -> Outcome:
        raise _Killed

    with pytest.raises(_Killed):
        dispatcher(bench, Scripted(answer=dies)).run_once()
    provider = Scripted()
    assert dispatcher(bench, provider).run_until_idle().seen == 0
    assert provider.sent == []
    assert bench.states() == {State.DISPATCHING: 3}


def test_a_receipt_proves_nothing_before_the_answer_is_written(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())

    def reported(parcel: Parcel) -> Outcome:
        said = Delivery(
            Word.DELIVERED, "scripted", NOON, "d1", message_public_id=parcel.message_public_id
        )
        with bench.store.engine.begin() as conn:
            inbox.store(conn, [said], NOON)
        receipts.reduce_inbox(bench.store, NOON)
        assert bench.states() == {State.DISPATCHING: 1}
        return Accepted("P1")

    dispatcher(bench, Scripted(answer=reported)).run_once()
    columns = "state, delivery, attempt, provider, cost_micros"
    assert bench.rows(f"SELECT {columns} FROM message") == [(3, 4, 1, "scripted", 400)]
    with bench.store.engine.connect() as conn:
        (told,) = queries.search(conn, queries.MessageFilter(text="P1")).messages
    assert told.provider_id == "P1"
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 10") == 1


def test_while_the_call_lasts_everybody_sees_its_messages_under_way(bench: Bench) -> None:
    bench.broadcast(bench.customers(2), bench.version())
    seen: list[object] = []

    def look(parcel: Parcel) -> Outcome:
        with bench.store.engine.connect() as conn:
            one = queries.status(conn, parcel.message_public_id)
            found = queries.search(conn, queries.MessageFilter(status="sending"))
            queued = queries.search(conn, queries.MessageFilter(status="queued"))
            counted = progress.states_of(conn, 1)
        seen.append((one.state, one.status, len(found.messages), len(queued.messages), counted))
        return Accepted("P1")

    dispatcher(bench, Scripted(answer=look)).run_once()
    assert seen == [(State.DISPATCHING, "sending", 2, 0, {State.DISPATCHING: 2})] * 2


def test_a_history_tells_of_the_call_that_took_it(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())
    dispatcher(bench, Scripted()).run_once()
    public_id = str(bench.value("SELECT public_id FROM message"))
    with bench.store.engine.connect() as conn:
        told = [entry.said for entry in queries.one(conn, public_id).entries]
    assert told == ["Put into the outbox", "Try 1: scripted accepted it"]


@pytest.mark.parametrize("had_it", [True, False])
def test_a_call_cut_short_is_settled_by_what_the_provider_has(bench: Bench, had_it: bool) -> None:
    bench.broadcast(bench.customers(4), bench.version())
    log: list[uuid.UUID] = []

    def dies(parcel: Parcel) -> Outcome:
        if had_it:
            log.append(parcel.message_public_id)
        if len(provider.sent) == 4 and parcel is provider.sent[-1]:
            raise _Killed
        return Accepted("lost with the process")

    def find(parcel: Parcel) -> Found | NotFound:
        known = parcel.message_public_id in log
        return Found(f"P{parcel.message_public_id}") if known else NotFound()

    provider = Scripted(answer=dies, found=find)
    with pytest.raises(_Killed):
        dispatcher(bench, provider).run_once()
    assert bench.states() == {State.DISPATCHING: 4}
    lease_over(bench)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON).in_doubt == 4
    report = settle(bench, provider)
    assert (report.accepted, report.again) == ((4, 0) if had_it else (0, 4))

    def takes(parcel: Parcel) -> Outcome:
        log.append(parcel.message_public_id)
        return Accepted(f"P{parcel.message_public_id}")

    provider.answer = takes
    dispatcher(bench, provider).run_until_idle()
    assert bench.states() == {State.ACCEPTED: 4}
    assert len(log) == len(set(log)) == 4
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 10") == 4


@pytest.mark.parametrize("how", ["of a campaign", "single", "answered"])
@pytest.mark.parametrize("minutes", [10, -10])
def test_a_provider_is_asked_from_before_the_call_whatever_the_caller_s_clock_said(
    bench: Bench, how: str, minutes: int
) -> None:
    bench.broadcast(bench.customers(2), bench.version())
    bench.run("UPDATE recipient_portion SET expires_at = now() + interval '1 day'")
    if how == "single":
        of_no_campaign(bench)

    def answer(parcel: Parcel) -> Outcome:
        if how != "answered":
            raise _Killed
        return InDoubt("It answered 500.", 500)

    provider = Scripted(answer=answer)
    wrong = timedelta(minutes=minutes)
    before = datetime.now(UTC)
    caller = dispatcher(bench, provider, now=lambda: datetime.now(UTC) + wrong)
    with suppress(_Killed):
        caller.run_once()
    if how != "answered":
        lease_over(bench)
        with bench.store.engine.begin() as conn:
            assert reaper.run(conn, datetime.now(UTC)).in_doubt == 2
    settle(bench, provider)
    assert len(provider.asked_since) == 2
    assert max(provider.asked_since) <= before


def test_of_a_call_found_lost_late_its_provider_is_asked_from_before_it(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())

    def dies(parcel: Parcel) -> Outcome:
        raise _Killed

    provider = Scripted(answer=dies)
    with pytest.raises(_Killed):
        dispatcher(bench, provider).run_once()
    # It began an hour ago, by a clock that was ten minutes ahead.
    bench.run(
        "UPDATE micro_batch SET started_at = now() - interval '50 minutes', lease_until = now()"
        f" - interval '1 hour' + interval '{LEASE_SECONDS} seconds'"
    )
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, datetime.now(UTC)).in_doubt == 1
    settle(bench, provider)
    (asked_since,) = provider.asked_since
    assert an_hour_ago - timedelta(minutes=10) < asked_since <= an_hour_ago


def test_silence_counts_only_where_all_is_read_and_newer_things_are_told(bench: Bench) -> None:
    bench.broadcast(bench.customers(3), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("Cut off."), look_up=False)
    dispatcher(bench, provider).run_until_idle()
    silence = DoubtPolicy(
        0.0, silence_seconds=(60.0, 60.0), flush_seconds=0.0, ask_again_seconds=(0.0, 0.0)
    )
    policies = dict.fromkeys(Channel, silence)
    time_passes(bench, "61 seconds")
    assert settle(bench, provider, policies=policies).again == 0  # nobody has reported anything
    now = datetime.now(UTC)
    # Told late: of what happened after these were handed over the provider has said nothing yet.
    past = Delivery(Word.DELIVERED, "scripted", NOON - timedelta(days=1), "d0", provider_id="old")
    with bench.store.engine.begin() as conn:
        inbox.store(conn, [past], now)
    receipts.reduce_inbox(bench.store, now)
    assert settle(bench, provider, policies=policies).again == 0
    of_another = Delivery(Word.DELIVERED, "scripted", now, "d1", provider_id="another")
    with bench.store.engine.begin() as conn:
        inbox.store(conn, [of_another], now)
    bench.run("UPDATE webhook_inbox SET stored_at = now() - interval '5 seconds'")
    # What waits to be read may be about these: they have been silent for 56 seconds.
    assert settle(bench, provider, policies=policies).again == 0
    receipts.reduce_inbox(bench.store, now)
    assert settle(bench, provider, policies=policies).again == 3


def test_doubts_that_wait_for_silence_do_not_stand_before_others(bench: Bench) -> None:
    bench.broadcast(bench.customers(4), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("Cut off."), look_up=False)
    dispatcher(bench, provider).run_until_idle()
    time_passes(bench, "61 seconds")
    bench.run("UPDATE message SET provider = 'another' WHERE id = (SELECT max(id) FROM message)")
    waits = DoubtPolicy(0.0, silence_seconds=(60.0, 60.0), flush_seconds=0.0)
    now = datetime.now(UTC)
    told = Delivery(Word.DELIVERED, "another", now, "d1", provider_id="P1")
    with bench.store.engine.begin() as conn:
        inbox.store(conn, [told], now)
    receipts.reduce_inbox(bench.store, now)
    again = 0
    for _ in range(3):  # two at a time; of the first three nobody has heard anything
        again += settle(bench, provider, policies=dict.fromkeys(Channel, waits), limit=2).again
    assert again == 1


def test_absence_is_believed_only_after_the_grace_time(bench: Bench) -> None:
    provider = doubtful(bench)
    assert settle(bench, provider, policies=None).waiting == 3
    time_passes(bench, "601 seconds")
    assert settle(bench, provider, policies=None).again == 3


def test_a_receipt_settles_it_without_asking(bench: Bench) -> None:
    provider = doubtful(bench, 1)
    bench.run("UPDATE message SET delivery = 4")
    provider.found = lambda parcel: NotFound()
    assert settle(bench, provider).accepted == 1
    assert bench.states() == {State.ACCEPTED: 1}


def test_proved_absent_twice_a_person_decides(bench: Bench) -> None:
    provider = doubtful(bench, 1)
    assert settle(bench, provider).again == 1
    dispatcher(bench, provider).run_until_idle()
    assert settle(bench, provider).held == 1
    assert settle(bench, provider) == reconcile.ReconcileReport()
    assert bench.states() == {State.IN_DOUBT: 1}
    with bench.store.engine.begin() as conn:
        ids = reconcile.in_doubt(conn, 1, 1)
        assert reconcile.resend(conn, ids, NOON) == 1
    provider.answer = lambda parcel: Accepted("P1")
    dispatcher(bench, provider).run_until_idle()
    assert bench.states() == {State.ACCEPTED: 1}


def test_a_person_may_say_that_it_was_sent(bench: Bench) -> None:
    doubtful(bench, 2)
    with bench.store.engine.begin() as conn:
        assert reconcile.mark_sent(conn, reconcile.in_doubt(conn, 1, 1), NOON) == 2
    assert bench.states() == {State.ACCEPTED: 2}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("hold", State.IN_DOUBT), ("assume_sent", State.ACCEPTED), ("send_again", State.RETRY)],
)
def test_what_nobody_can_prove_follows_the_workspace(
    bench: Bench, policy: str, expected: State
) -> None:
    provider = doubtful(bench, 1)
    provider.found = lambda parcel: Unknown("No answer.")
    with bench.store.engine.begin() as conn:
        product_settings.save(conn, {"in_doubt_policy": policy}, "test", NOON)
    assert settle(bench, provider).waiting == 1
    time_passes(bench, "31 minutes")
    settle(bench, provider)
    assert bench.states() == {expected: 1}


def test_a_push_in_doubt_is_sent_again_at_once(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("Cut off."), repeat_is_harmless=True)
    dispatcher(bench, provider).run_until_idle()
    assert settle(bench, provider, policies=None).again == 1


def test_an_answer_after_the_lease_still_proves(bench: Bench) -> None:
    bench.broadcast(bench.customers(2), bench.version())

    def slow(parcel: Parcel) -> Outcome:
        if len(provider.sent) == 2 and parcel is provider.sent[-1]:
            lease_over(bench)
            with bench.store.engine.begin() as conn:
                assert reaper.run(conn, NOON).in_doubt == 2
        return Accepted(f"P{parcel.message_public_id}")

    provider = Scripted(answer=slow)
    report = dispatcher(bench, provider).run_once()
    assert report.accepted == 2
    assert bench.states() == {State.ACCEPTED: 2}


def test_a_stale_answer_never_touches_a_later_call(bench: Bench) -> None:
    bench.broadcast(bench.customers(1), bench.version())
    second = Scripted(answer=lambda parcel: InDoubt("Second call."))

    def overtaken(parcel: Parcel) -> Outcome:
        lease_over(bench)
        with bench.store.engine.begin() as conn:
            reaper.run(conn, NOON)
        settle(bench, second)
        dispatcher(bench, second).run_once()
        return Accepted("first call")

    report = dispatcher(bench, Scripted(answer=overtaken)).run_once()
    assert (report.accepted, report.stale) == (0, 1)
    assert bench.states() == {State.IN_DOUBT: 1}


@pytest.mark.parametrize("what", ["campaign", "single"])
def test_a_process_that_stood_still_does_not_send(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bench.broadcast(bench.customers(3), bench.version())
    if what == "single":
        of_no_campaign(bench)
    provider = Scripted()
    home, name = (micro_batches, "begin") if what == "campaign" else (handover, "mark")
    real, standing = getattr(home, name), [0.0]
    watch = SimpleNamespace(monotonic=lambda: time.monotonic() + standing[0], sleep=time.sleep)
    monkeypatch.setattr(sending, "time", watch)
    monkeypatch.setattr(broadcasting, "time", watch)

    def stopped(*args: object) -> object:
        marked = real(*args)
        standing[0] = 60.0  # stands for SIGSTOP between the mark and the call
        return marked

    monkeypatch.setattr(home, name, stopped)
    dispatcher(bench, provider).run_once()
    assert provider.sent == []
    lease_over(bench)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON).in_doubt == 3


def test_what_is_settled_too_late_expires_instead(bench: Bench) -> None:
    provider = doubtful(bench, 1)
    late = NOON + timedelta(hours=7)
    reconcile.run(bench.store, registry_of(provider), late, policies=AT_ONCE)
    assert bench.states() == {State.EXPIRED: 1}


def test_a_provider_that_answers_no_question_is_asked_three_times_and_then_left_alone(
    bench: Bench,
) -> None:
    provider = doubtful(bench, 10)
    provider.found = lambda parcel: Unknown("It answered 503.")
    for _ in range(5):
        assert settle(bench, provider).waiting == 10
    assert len(provider.asked_since) == 3


def test_a_question_that_decides_nothing_waits_as_long_again_as_the_doubt_is_old(
    bench: Bench,
) -> None:
    provider = doubtful(bench, 1)
    policies = {channel: DoubtPolicy(180.0) for channel in Channel}
    waits = []
    for age in (0, 40, 170):
        time_passes(bench, f"{age} seconds")
        assert settle(bench, provider, policies=policies).waiting == 1
        waits.append(bench.value("SELECT round(EXTRACT(EPOCH FROM due_at - now())) FROM message"))
        assert settle(bench, provider, policies=policies).waiting == 1  # not due: it is not asked
    assert waits == [10, 40, 10]  # never past the end of the grace time
    assert len(provider.asked_since) == 3


def test_who_asks_by_hand_does_not_wait(bench: Bench) -> None:
    provider = doubtful(bench, 1)
    policies = {channel: DoubtPolicy(180.0) for channel in Channel}
    for _ in range(2):
        settle(bench, provider, policies=policies, at_once=True)
    assert len(provider.asked_since) == 2
