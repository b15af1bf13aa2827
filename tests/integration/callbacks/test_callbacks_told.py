"""Telling what is due: once signed, again after failures, through kills, and never for ever."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from webhook_receiver import Heard, Receiver, Reply, receiver

from segmind.callbacks import deliver, outbound, signing
from segmind.callbacks.address import Rules
from segmind.callbacks.outbound import NewCallback, NoCallback
from segmind.callbacks.retry import RetryPolicy
from segmind.callbacks.state import State
from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.workspace import signing_secret

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HERE = Rules(loopback=True)


def put(store: Store, url: str, count: int = 1, **options: object) -> None:
    calls = [
        NewCallback(url, "message.status", {"n": n}, NOW, subject_id=n, **options)  # type: ignore[arg-type]
        for n in range(count)
    ]
    with store.engine.begin() as conn:
        assert outbound.put(conn, calls, NOW) == count


def told(store: Store, at: datetime = NOW, **options: object) -> deliver.Told:
    return deliver.deliver_due(
        store,
        [SECRET],
        HERE,
        at,
        draw=random.Random(1),
        **options,  # type: ignore[arg-type]
    )


def all_calls(store: Store) -> list[outbound.Callback]:
    with store.engine.connect() as conn:
        return outbound.recent(conn, limit=500)


def by_turns(*replies: Reply) -> Callable[[Heard], Reply]:
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_a_call_arrives_signed_with_its_body(store: Store) -> None:
    with receiver() as somebody:
        put(store, f"{somebody.url}/hook?key=1")
        assert told(store).delivered == 1
        assert told(store).seen == 0
    (heard,) = somebody.heard
    assert heard.path == "/hook?key=1"
    assert heard.headers["content-type"] == "application/json"
    assert signing.verify(SECRET, heard.headers, heard.body, NOW)
    body = json.loads(heard.body)
    assert body == {"type": "message.status", "timestamp": NOW.isoformat(), "data": {"n": 0}}
    (call,) = all_calls(store)
    assert (call.state, call.tries, call.last_status) == (State.DELIVERED, 1, 204)
    assert heard.headers["webhook-id"] == f"msg_{call.public_id.hex}"
    assert call.because == "Taken with 204 at try 1."


def test_a_failed_call_is_repeated_with_the_same_id_and_body(store: Store) -> None:
    plan = by_turns(Reply(500), Reply(503, {"Retry-After": "60"}), Reply(204))
    with receiver(plan) as somebody:
        put(store, somebody.url)
        assert told(store).again == 1
        assert told(store, NOW + timedelta(seconds=4)).seen == 0
        assert told(store, NOW + timedelta(seconds=6)).again == 1
        assert told(store, NOW + timedelta(seconds=60)).seen == 0  # Retry-After counts from there
        assert told(store, NOW + timedelta(seconds=67)).delivered == 1
    ids = {heard.headers["webhook-id"] for heard in somebody.heard}
    assert len(ids) == 1
    assert len({heard.body for heard in somebody.heard}) == 1
    assert len(somebody.heard) == 3


def test_after_its_last_try_a_call_is_given_up_with_the_reason(store: Store) -> None:
    policy = RetryPolicy(pauses=(1.0, 1.0), jitter=0.0, longest_asked=10.0)
    with receiver(lambda _: Reply(500, body=b"out of order")) as somebody:
        put(store, somebody.url)
        results = [told(store, NOW + timedelta(seconds=2 * n), policy=policy) for n in range(4)]
    assert [r.again for r in results] == [1, 1, 0, 0]
    assert results[2].given_up == 1
    (call,) = all_calls(store)
    assert call.state is State.GIVEN_UP
    assert call.last_problem == "It answered 500."
    assert call.last_answer == "out of order"
    with store.engine.begin() as conn:
        outbound.tell_again(conn, call.id, NOW + timedelta(hours=1))
    with receiver() as somebody:
        with store.engine.begin() as conn:
            conn.execute(text("UPDATE callback SET url = :url"), {"url": somebody.url})
        assert told(store, NOW + timedelta(hours=1)).delivered == 1
    with store.engine.begin() as conn, pytest.raises(NoCallback):
        outbound.tell_again(conn, -1, NOW)


def test_who_is_gone_is_not_called_again(store: Store) -> None:
    with receiver(lambda _: Reply(410)) as somebody:
        put(store, somebody.url)
        assert told(store).given_up == 1
    assert "wants no more" in all_calls(store)[0].because


def test_nothing_is_told_after_its_time(store: Store) -> None:
    with receiver() as somebody:
        put(store, somebody.url)
        late = NOW + outbound.LIFETIME
        assert told(store, late).expired == 1
        assert somebody.heard == []
    (call,) = all_calls(store)
    assert call.state is State.EXPIRED


def test_an_address_that_may_not_be_called_is_refused_once(store: Store) -> None:
    with receiver() as somebody:
        put(store, somebody.url)
        report = deliver.deliver_due(store, [SECRET], Rules(), NOW)
        assert report.refused == 1
        assert somebody.heard == []
    (call,) = all_calls(store)
    assert call.state is State.REFUSED
    assert call.because.startswith("Only https")


def test_a_name_that_moved_inside_is_refused(store: Store) -> None:
    async def rebound(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    put(store, "https://moved.example/hook")
    report = deliver.deliver_due(store, [SECRET], Rules(), NOW, lookup=rebound)
    assert report.refused == 1
    assert "public internet" in all_calls(store)[0].because


def test_the_same_key_is_told_once(store: Store) -> None:
    call = NewCallback("https://a.example/", "automation.step", {}, NOW, dedupe_key="run:1:2")
    with store.engine.begin() as conn:
        assert outbound.put(conn, [call, call], NOW) == 1
        assert outbound.put(conn, [call], NOW) == 0
        assert outbound.by_key(conn, "run:1:2").state is State.WAITING
        with pytest.raises(NoCallback):
            outbound.by_key(conn, "run:1:3")
        huge = NewCallback("https://a.example/", "x", {"a": "b" * 300_000}, NOW)
        with pytest.raises(InvalidInput):
            outbound.put(conn, [huge], NOW)


class _Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("heard_before", [False, True])
def test_a_killed_process_leaves_its_calls_to_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch, heard_before: bool
) -> None:
    def die(*_: object) -> object:
        raise _Killed

    with receiver() as somebody:
        put(store, somebody.url, 3)
        with monkeypatch.context() as patch:
            patch.setattr(deliver, "_write_down" if heard_before else "_call", die)
            with pytest.raises(_Killed):
                told(store)
        assert told(store, NOW + timedelta(seconds=30)).seen == 0  # the lease still runs
        assert told(store, NOW + timedelta(seconds=61)).delivered == 3
    heard = [call.headers["webhook-id"] for call in somebody.heard]
    assert len(set(heard)) == 3
    assert len(heard) == (6 if heard_before else 3)


def test_two_processes_share_the_calls(store: Store) -> None:
    with receiver(lambda _: Reply(wait=0.005)) as somebody:
        put(store, somebody.url, 60)

        def work() -> None:
            while told(store).seen:
                pass

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(somebody.heard) == 60
    assert len({heard.headers["webhook-id"] for heard in somebody.heard}) == 60
    with store.engine.connect() as conn:
        assert outbound.counts(conn, NOW)[State.DELIVERED] == 60


def test_a_slow_receiver_holds_up_no_other(store: Store) -> None:
    def hosts(somebody: Receiver, other: Receiver) -> None:
        put(store, somebody.url, 200)
        put(store, other.url.replace("127.0.0.1", "localhost"), 3)

    with receiver() as somebody, receiver() as other:
        hosts(somebody, other)
        assert told(store).delivered == deliver.PER_HOST + 3
        assert len(other.heard) == 3


def test_finished_calls_are_forgotten_after_a_month(store: Store) -> None:
    with receiver() as somebody:
        put(store, somebody.url, 2)
        told(store)
        put(store, somebody.url)
    with store.engine.begin() as conn:
        assert deliver.prune(conn, NOW + timedelta(days=29)) == 0
        assert deliver.prune(conn, NOW + timedelta(days=31)) == 2
    assert [call.state for call in all_calls(store)] == [State.WAITING]


def test_the_secret_is_made_once_and_changes_with_an_overlap(store: Store) -> None:
    key = store.settings.secret_key
    with store.engine.begin() as conn:
        assert signing_secret.made_at(conn) is None
        (first,) = signing_secret.valid(conn, key, NOW)
        assert signing_secret.valid(conn, key, NOW) == [first]
        second = signing_secret.rotate(conn, key, actor="ada", now=NOW)
        assert second != first
        assert signing_secret.valid(conn, key, NOW) == [second, first]
        assert signing_secret.valid(conn, key, NOW + signing_secret.OVERLAP) == [second]
        assert signing_secret.made_at(conn) == NOW
        signing.headers([first, second], "msg_1", b"", NOW)
        sealed = conn.execute(text("SELECT sealed FROM credential")).scalar_one()
        assert second.encode() not in bytes(sealed)
        said = conn.execute(text("SELECT string_agg(detail::text, '') FROM audit")).scalar_one()
        assert "whsec_" not in said
