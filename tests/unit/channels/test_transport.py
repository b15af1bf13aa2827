"""The line between proved unsent and in doubt, and how long a vendor can make us wait."""

from __future__ import annotations

import asyncio
import socket

import pytest

from segmind.channels.outcome import Accepted, InDoubt, Outcome, Retry
from segmind.channels.providers import transport
from segmind.channels.providers.network import network
from segmind.channels.providers.transport import Window, each, of_error, retry_after


def test_a_refused_connection_and_an_unknown_name_are_proved_unsent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/", "http://[x/", "x"):
        with pytest.raises(transport.BROKEN) as caught:
            network().call("POST", url, headers={}, body=b"x")
        assert isinstance(of_error(caught.value), Retry)


def test_a_server_that_takes_the_request_and_says_nothing_leaves_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(transport.BROKEN) as caught:
            network().call("POST", url, headers={}, body=b"x", seconds=0.3)
    assert isinstance(of_error(caught.value), InDoubt)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), BrokenPipeError()])
def test_what_is_not_proved_is_in_doubt(error: Exception) -> None:
    assert isinstance(of_error(error), InDoubt)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1e9", 900.0),
        ("", None),
        ("soon", None),
        ("nan", None),
    ],
)
def test_retry_after_is_read_within_bounds(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}) == seconds


def test_a_slow_batch_leaves_the_rest_unbegun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BATCH_SECONDS", 0.2)
    begun: list[int] = []

    async def send(i: int) -> Outcome:
        begun.append(i)
        await asyncio.sleep(0.15)
        return Accepted(str(i))

    made = each(list(range(12)), send, Window(width=2, most=2))
    assert made[:2] == [Accepted("0"), Accepted("1")]
    late = [i for i, outcome in enumerate(made) if isinstance(outcome, Retry)]
    assert late
    assert not set(late) & set(begun)
    assert not any(outcome.begun for outcome in made if isinstance(outcome, Retry))
    assert len(made) == 12


def test_a_vendor_in_trouble_is_not_asked_for_the_rest_of_a_batch() -> None:
    begun: list[int] = []

    async def send(i: int) -> Outcome:
        begun.append(i)
        await asyncio.sleep(0)
        return Retry("20429", "Too many", 7.0, 429) if i % 4 else Accepted(str(i))

    made = each(list(range(400)), send, Window(width=8))
    rest = [outcome for i, outcome in enumerate(made) if i not in begun]
    assert len(begun) < 40
    assert {(o.begun, o.after_seconds) for o in rest if isinstance(o, Retry)} == {(False, 7.0)}
    assert len(rest) + len(begun) == 400


def test_a_refused_set_up_ends_the_batch_at_once() -> None:
    async def send(i: int) -> Outcome:
        return Retry("20003", "Authenticate", http_status=401, pause_sender=True)

    made = each(list(range(50)), send, Window(width=1, least=1, most=1))
    assert all(isinstance(o, Retry) and o.pause_sender for o in made)
    assert sum(o.begun for o in made if isinstance(o, Retry)) == 1


def test_the_window_narrows_when_asked_and_widens_with_success() -> None:
    window = Window(width=50)
    for _ in range(3):
        window.heed(Retry("429", "Too many", None, 429))
    assert window.width == 6.25
    for _ in range(2_000):
        window.heed(Accepted("x"))
    assert window.width > 50
    for _ in range(10_000):
        window.heed(Accepted("x"))
    assert window.width == 100


def test_no_more_are_under_way_than_the_window_is_wide() -> None:
    now, most = 0, 0

    async def send(i: int) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return Accepted(str(i))

    made = each(list(range(60)), send, Window(width=5, most=5))
    assert [o.provider_id for o in made if isinstance(o, Accepted)] == [str(i) for i in range(60)]
    assert most == 5


def test_one_broken_call_leaves_the_others_their_outcomes() -> None:
    async def send(i: int) -> Outcome:
        if i == 3:
            raise ZeroDivisionError
        return Accepted(str(i))

    made = each(list(range(6)), send, Window())
    assert [type(o) for o in made] == [Accepted] * 3 + [InDoubt] + [Accepted] * 2


def test_vendor_loggers_never_speak_below_warning() -> None:
    import logging

    transport.silence_vendor_logs()
    for name in ("twilio.http_client", "python_http_client.client", "urllib3.connectionpool"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
