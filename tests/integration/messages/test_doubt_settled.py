"""After crashes: what goes back, what is in doubt, and how doubt is settled."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.outcome import Accepted, InDoubt, Outcome
from segmind.channels.provider import Found, NotFound, Parcel, Unknown
from segmind.events.schema import Channel
from segmind.messages import handover, reaper, reconcile, sending
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
    bench.run("UPDATE message SET lease_until = now() - interval '181 seconds'")
    assert settle(bench, provider, policies=policies).again == 2


def test_a_claim_that_was_never_sent_goes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=1, per_week=7)})
    bench.broadcast(bench.customers(5), bench.version())
    victim = dispatcher(bench, Scripted(), settings=settings)

    def die(*args: object) -> None:
        raise _Killed

    monkeypatch.setattr(victim._sender, "send", die)
    with pytest.raises(_Killed):
        victim.run_once()
    assert bench.states() == {State.CLAIMED: 5}
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON) == reaper.ReapReport(0, 0)  # the lease still runs
    lease_over(bench)
    with bench.store.engine.begin() as conn:
        assert reaper.run(conn, NOON) == reaper.ReapReport(5, 0)
    assert bench.states() == {State.READY: 5}
    assert bench.value("SELECT sum(cardinality(days)) FROM contact_book") == 0
    provider = Scripted()
    dispatcher(bench, provider, settings=settings).run_until_idle()
    assert len(provider.sent) == 5


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


def test_absence_is_believed_only_after_the_grace_time(bench: Bench) -> None:
    provider = doubtful(bench)
    assert settle(bench, provider, policies=None).waiting == 3
    bench.run("UPDATE message SET lease_until = now() - interval '601 seconds'")
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
    bench.run("UPDATE message SET lease_until = now() - interval '31 minutes'")
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


def test_a_process_that_stood_still_does_not_send(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.broadcast(bench.customers(3), bench.version())
    provider = Scripted()
    real, standing = handover.mark, [0.0]
    watch = SimpleNamespace(monotonic=lambda: time.monotonic() + standing[0], sleep=time.sleep)
    monkeypatch.setattr(sending, "time", watch)

    def stopped(*args: object) -> handover.Marked:
        marked = real(*args)  # type: ignore[arg-type]
        standing[0] = 60.0  # stands for SIGSTOP between the mark and the call
        return marked

    monkeypatch.setattr(handover, "mark", stopped)
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
