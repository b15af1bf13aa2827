"""G8, G9, G17: pausing, cancelling and opting out while a large send is under way; bad rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.channel import Channel as ChannelName
from segmind.channels.outcome import Outcome
from segmind.channels.provider import Parcel
from segmind.channels.registry import Registry
from segmind.consent import suppressions
from segmind.events.schema import Channel
from segmind.messages import sources
from segmind.messages.lanes import Lanes
from segmind.messages.lifecycle import State
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})
LANES, BATCH = 2, 20


class Timed(Scripted):
    """A provider that takes its time and notes when each hand-over began."""

    batch_size = BATCH

    def __init__(self, seconds: float = 0.02) -> None:
        super().__init__("sms")
        self.seconds = seconds
        self.began: list[tuple[float, str]] = []

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        at = time.monotonic()
        self.began += [(at, parcel.address) for parcel in parcels]
        time.sleep(self.seconds)
        return super().send(parcels)

    def after(self, instant: float) -> int:
        return sum(at > instant for at, _ in self.began)


def sending(bench: Bench, provider: Timed) -> tuple[Lanes, threading.Thread]:
    lanes = Lanes(bench.store, registry_of(provider), lanes=LANES, settings=OPEN, now=lambda: NOON)
    thread = threading.Thread(target=lanes.run_until_idle, daemon=True)
    thread.start()
    wait_until(lambda: len(provider.began) >= 60)
    return lanes, thread


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "It does not happen."
        time.sleep(0.01)


@pytest.mark.parametrize(
    "people", [600, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
@pytest.mark.parametrize("word", ["paused", "cancelled"])
def test_a_stop_is_effective_at_once_and_resuming_is_exact(
    bench: Bench, word: str, people: int
) -> None:
    bench.broadcast(bench.customers(people), bench.version("sms"), Channel.SMS)
    provider = Timed()
    lanes, thread = sending(bench, provider)
    with bench.store.engine.begin() as conn:
        sources.set_state(conn, 1, 1, word, "by hand", NOON)
    stopped = time.monotonic()
    thread.join(30)
    assert not thread.is_alive()
    assert provider.after(stopped + 2.0) == 0
    assert provider.after(stopped) <= LANES * BATCH  # what was marked already
    sent = len(provider.began)
    assert bench.states() == {State.ACCEPTED: sent, State.READY: people - sent}
    if word == "paused":
        with bench.store.engine.begin() as conn:
            sources.set_state(conn, 1, 1, "open", "by hand", NOON)
        provider.seconds = 0.0
        lanes.run_until_idle()
        assert bench.states() == {State.ACCEPTED: people}
    else:
        lanes.run_until_idle()
        assert len(provider.began) == sent
    assert len(set(provider.ids)) == len(provider.ids)
    lanes.close()


def test_a_long_send_on_one_channel_delays_no_other_channel(bench: Bench) -> None:
    people = bench.customers(400)
    bench.broadcast(people, bench.version("sms"), Channel.SMS)
    slow, quick = Timed(seconds=0.2), Scripted("email")
    registry = Registry({ChannelName.SMS: slow, ChannelName.EMAIL: quick, ChannelName.PUSH: quick})
    lanes = Lanes(bench.store, registry, lanes=1, settings=OPEN, now=lambda: NOON)
    thread = threading.Thread(target=lanes.run_until_idle, daemon=True)
    thread.start()
    wait_until(lambda: len(slow.began) >= 60)
    time.sleep(1.0)  # by now the lane of e-mail has found nothing to do
    bench.broadcast(people[:3], bench.version(), Channel.EMAIL, source_id=2)
    wait_until(lambda: len(quick.sent) == 3)
    assert len(slow.began) < 400, "The text messages were through before."
    lanes.close()
    thread.join(30)
    assert not thread.is_alive()


def test_who_says_no_during_a_send_gets_nothing_more(bench: Bench) -> None:
    bench.broadcast(bench.customers(400), bench.version("sms"), Channel.SMS)
    provider = Timed(seconds=0.1)
    lanes, thread = sending(bench, provider)
    with bench.store.engine.connect() as conn:
        query = "SELECT addresses[size - 19 :] FROM recipient_portion ORDER BY id DESC LIMIT 1"
        waiting = list(conn.exec_driver_sql(query).scalar_one())
    assert waiting, "Everything left too quickly."
    for address in waiting:
        with bench.store.engine.begin() as conn:
            suppressions.add(conn, bench.key, "sms", address, "unsubscribed", "stop", NOON)
    said = time.monotonic()
    thread.join(60)
    late = [address for at, address in provider.began if at > said + 0.5 and address in waiting]
    assert late == []
    skipped = bench.value("SELECT count(*) FROM message WHERE skip_reason = 'suppressed'")
    assert skipped == len(waiting) - sum(a in waiting for _, a in provider.began)
    assert sum(bench.states().values()) == 400
    lanes.close()


def test_one_row_in_a_hundred_that_cannot_be_rendered_fails_alone(bench: Bench) -> None:
    people = bench.customers(500)
    bench.run(
        "UPDATE customer SET traits = '{\"parts\": 0}' WHERE id = ANY(:ids)", ids=people[::100]
    )
    version = bench.version("sms", "A {{ 100 | divided_by: traits.parts | default: 1 }}")
    bench.run(
        "UPDATE customer SET traits = '{\"parts\": 4}' WHERE NOT id = ANY(:ids)", ids=people[::100]
    )
    bench.broadcast(people, version, Channel.SMS)
    provider = Timed(seconds=0.0)
    Lanes(
        bench.store, registry_of(provider), lanes=1, settings=OPEN, now=lambda: NOON
    ).run_until_idle()
    assert bench.states() == {State.ACCEPTED: 495, State.FAILED: 5}
    rows = bench.rows("SELECT DISTINCT error_class, error_code FROM message WHERE state = 6")
    assert rows == [("render", "body")]
