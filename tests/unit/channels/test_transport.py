"""The line between proved unsent and in doubt, and how long a vendor can make us wait."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import requests

from segmind.channels.outcome import Accepted, InDoubt, Outcome, Retry
from segmind.channels.providers import transport
from segmind.channels.providers.transport import Pool, Session, of_error, retry_after


def test_a_refused_connection_and_an_unknown_name_are_proved_unsent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
        with pytest.raises(requests.RequestException) as caught:
            Session().request("POST", url, data=b"x")
        assert isinstance(of_error(caught.value), Retry)


def test_a_server_that_takes_the_request_and_says_nothing_leaves_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(requests.RequestException) as caught:
            Session(read_seconds=0.3).request("POST", url, data=b"x")
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
    lock = threading.Lock()
    begun: list[int] = []

    def send(i: int) -> Outcome:
        with lock:
            begun.append(i)
        time.sleep(0.15)
        return Accepted(str(i))

    made = Pool(2, "test").each(list(range(12)), send)
    assert made[:2] == [Accepted("0"), Accepted("1")]
    late = [i for i, outcome in enumerate(made) if isinstance(outcome, Retry)]
    assert late
    assert not set(late) & set(begun)
    assert len(made) == 12


def test_vendor_loggers_never_speak_below_warning() -> None:
    import logging

    transport.silence_vendor_logs()
    for name in ("twilio.http_client", "python_http_client.client", "urllib3.connectionpool"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
