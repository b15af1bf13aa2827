"""The emulator against the real providers: what they say of a message is what its log says."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from segmind.channels import registry
from segmind.channels.channel import Channel
from segmind.channels.content import Content, EmailContent, PushContent, Slots, SmsContent
from segmind.channels.emulator.faults import CALM, NAMED, STORM, Fault, FaultPlan, Kind
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.running import InThread, emulating, emulating_apart
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Found, NotFound, Parcel, Provider
from segmind.channels.providers import network
from segmind.channels.providers.sendgrid import client as sendgrid_client
from segmind.settings import Settings, from_environment

OTHER_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)
PIECES = ("<p>Dear ", "</p>")


def settings(environment: dict[str, str], home: Path, **more: str) -> Settings:
    own = {"SEGMIND_SECRET_KEY": "k" * 40, "SEGMIND_HOME": str(home)}
    return from_environment({**environment, **own, **more})


def content(channel: Channel, i: int) -> Content:
    slots = Slots(PIECES, (f"N{i}",))
    return {
        Channel.EMAIL: EmailContent(f"Hi {i}", "", slots, "Dear"),
        Channel.SMS: SmsContent(f"Hi {i} €"),
        Channel.PUSH: PushContent("Hi", f"{i}"),
    }[channel]


def address(channel: Channel, i: int) -> str:
    return {
        Channel.EMAIL: f"ada{i}@example.com",
        Channel.SMS: f"+4915100{i:06d}",
        Channel.PUSH: f"device-{i}",
    }[channel]


def parcels(channel: Channel, n: int) -> list[Parcel]:
    return [Parcel(uuid.uuid4(), address(channel, i), content(channel, i)) for i in range(n)]


def handed_over(provider: Provider, given: list[Parcel]) -> dict[str, Outcome]:
    size = 2 if provider.channel is Channel.EMAIL else provider.batch_size
    made: dict[str, Outcome] = {}
    for start in range(0, len(given), size):
        batch = given[start : start + size]
        outcomes = provider.send(batch)
        made |= {str(p.message_public_id): o for p, o in zip(batch, outcomes, strict=True)}
    return made


@pytest.fixture(scope="module")
def running() -> Iterator[InThread]:
    with emulating(seed=20) as emulator:
        yield emulator


@pytest.fixture
def calm(running: InThread) -> Iterator[InThread]:
    running.set_plan(CALM)
    yield running
    running.set_plan(CALM)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "READ_SECONDS", 0.5)
    monkeypatch.setattr(network, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(sendgrid_client, "READ_SECONDS", 0.5)


@pytest.mark.parametrize("channel", list(Channel))
def test_every_message_is_accepted_once_and_under_our_id(
    calm: InThread, channel: Channel, tmp_path: Path
) -> None:
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(channel)
    given = parcels(channel, 40)
    made = handed_over(provider, given)
    mine = {a.message_id: a for a in calm.accepted() if a.message_id in made}
    assert provider.check().ok
    assert len(mine) == 40
    for parcel in given:
        message_id = str(parcel.message_public_id)
        outcome, taken = made[message_id], mine[message_id]
        assert isinstance(outcome, Accepted)
        assert (taken.address, taken.provider_id) == (parcel.address, outcome.provider_id)
        assert (taken.collapse_id is not None) == (channel is Channel.PUSH)


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.usefixtures("impatient")
def test_in_a_storm_no_outcome_says_what_is_not_so(
    calm: InThread, channel: Channel, tmp_path: Path
) -> None:
    calm.set_plan(STORM)
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(channel)
    made = handed_over(provider, parcels(channel, 160))
    taken = Counter(a.message_id for a in calm.accepted())
    kinds = Counter(type(outcome) for outcome in made.values())
    for message_id, outcome in made.items():
        match outcome:
            case Accepted():
                assert taken[message_id] == 1, outcome
            case Retry() | Rejected():
                assert taken[message_id] == 0, outcome
            case InDoubt():
                assert taken[message_id] in (0, 1), outcome
    assert {Accepted, Retry, InDoubt} <= kinds.keys()
    assert Rejected not in kinds


@pytest.mark.parametrize("accepts", [False, True])
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(Kind.DELAY, 1.0, seconds=0.05), Accepted),
        (Fault(Kind.ERROR, 1.0, status=500), InDoubt),
        (Fault(Kind.RESET, 1.0), InDoubt),
        (Fault(Kind.HANG, 1.0), InDoubt),
        (Fault(Kind.DRIP, 1.0), InDoubt),
        (Fault(Kind.TORN, 1.0), InDoubt),
        (Fault(Kind.WRONG_TYPE, 1.0), InDoubt),
    ],
    ids=lambda given: str(getattr(given, "kind", "")) or getattr(given, "__name__", ""),
)
@pytest.mark.usefixtures("impatient")
def test_each_fault_is_met_as_planned(
    calm: InThread, fault: Fault, outcome: type, accepts: bool, tmp_path: Path
) -> None:
    whole = Fault(fault.kind, 1.0, accepts, fault.seconds, fault.status)
    calm.set_plan(FaultPlan("one", (whole,)))
    found = registry.build(settings(calm.environment, tmp_path))
    for channel in Channel:
        (parcel,) = parcels(channel, 1)
        (made,) = found.for_channel(channel).send([parcel])
        taken = [a for a in calm.accepted() if a.message_id == str(parcel.message_public_id)]
        assert isinstance(made, outcome), (channel, made)
        assert len(taken) == (1 if accepts or fault.kind is Kind.DELAY else 0), channel


@pytest.mark.parametrize("as_date", [False, True])
def test_too_many_says_when_to_come_back(calm: InThread, as_date: bool, tmp_path: Path) -> None:
    calm.set_plan(FaultPlan("one", (Fault(Kind.TOO_MANY, 1.0, seconds=30.0, as_date=as_date),)))
    found = registry.build(settings(calm.environment, tmp_path))
    for channel in Channel:
        (made,) = found.for_channel(channel).send(parcels(channel, 1))
        assert isinstance(made, Retry)
        assert made.after_seconds is not None
        assert 29.0 <= made.after_seconds <= 32.0


def test_requests_above_the_rate_are_refused(calm: InThread, tmp_path: Path) -> None:
    calm.set_plan(FaultPlan("slow", per_second={Channel.SMS: 5.0}))
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(Channel.SMS)
    made = provider.send(parcels(Channel.SMS, 9))
    assert [type(o) for o in made].count(Accepted) in (5, 6)


def test_the_look_up_finds_what_was_accepted_and_only_after_the_lag(
    calm: InThread, tmp_path: Path
) -> None:
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(Channel.SMS)
    since = datetime.now(UTC) - timedelta(seconds=5)
    one, other = (
        replace(p, address=f"+4930{uuid.uuid4().int % 10**8:08d}") for p in parcels(Channel.SMS, 2)
    )
    (made,) = provider.send([one])
    assert isinstance(made, Accepted)
    assert provider.find(one, since) == Found(made.provider_id)
    assert provider.find(other, since) == NotFound()
    calm.set_plan(FaultPlan("lagging", look_up_lag=60.0))
    assert provider.find(one, since) == NotFound()


@pytest.mark.parametrize(
    ("channel", "whom", "suppress", "code"),
    [
        (Channel.SMS, "015112345678", True, "21211"),
        (Channel.SMS, "not a number", True, "21211"),
        (Channel.SMS, "+15005550004", True, "21610"),
        (Channel.SMS, "+15005550002", False, "21612"),
        (Channel.SMS, "+15005550003", False, "21408"),
        (Channel.EMAIL, "no-address", True, "400"),
        (Channel.EMAIL, "a@b@example.com", True, "400"),
        (Channel.PUSH, "unregistered-1", True, "UNREGISTERED"),
        (Channel.PUSH, "mismatch-1", True, "SENDER_ID_MISMATCH"),
        (Channel.PUSH, "malformed-1", True, "INVALID_ARGUMENT"),
    ],
)
def test_an_address_that_is_none_is_refused_alone(
    calm: InThread, channel: Channel, whom: str, suppress: bool, code: str, tmp_path: Path
) -> None:
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(channel)
    good = parcels(channel, 3)
    bad = Parcel(uuid.uuid4(), whom, content(channel, 9))
    made = provider.send([*good[:2], bad, good[2]])
    assert [type(o) for o in made] == [Accepted, Accepted, Rejected, Accepted]
    refused = made[2]
    assert isinstance(refused, Rejected)
    assert (refused.suppress, refused.code) == (suppress, code)
    assert refused.detail


@pytest.mark.parametrize(
    ("channel", "given"),
    [
        (Channel.SMS, SmsContent(" ")),
        (Channel.SMS, SmsContent("x" * 1601)),
        (Channel.PUSH, PushContent("Hi", "x" * 6_000)),
    ],
)
def test_a_text_over_the_limits_is_the_texts_fault(
    calm: InThread, channel: Channel, given: Content, tmp_path: Path
) -> None:
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(channel)
    (made,) = provider.send([Parcel(uuid.uuid4(), address(channel, 1), given)])
    assert isinstance(made, Rejected)
    assert made.blames_content
    assert not made.suppress


@pytest.mark.parametrize("channel", list(Channel))
def test_wrong_credentials_pause_the_sender_and_fail_the_check(
    calm: InThread, channel: Channel, tmp_path: Path
) -> None:
    wrong = dict(calm.environment)
    wrong["SEGMIND_TWILIO_AUTH_TOKEN"] = "wrong"
    wrong["SEGMIND_SENDGRID_API_KEY"] = "wrong"
    account = Identity.fresh().service_account(calm.url)
    account["private_key"] = OTHER_KEY
    wrong["SEGMIND_FCM_SERVICE_ACCOUNT"] = json.dumps(account)
    provider = registry.build(settings(wrong, tmp_path)).for_channel(channel)
    made = provider.send(parcels(channel, 30))
    assert not provider.check().ok
    assert all(isinstance(o, Retry) and o.pause_sender for o in made)


def test_a_request_that_is_not_http_harms_nobody(calm: InThread, tmp_path: Path) -> None:
    port = int(calm.url.rpartition(":")[2])
    for odd in (
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(odd)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    provider = registry.build(settings(calm.environment, tmp_path)).for_channel(Channel.SMS)
    assert provider.check().ok


def test_as_a_process_it_prints_its_variables_and_keeps_its_log(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    with emulating_apart(tmp_path / "e", ["--silent", "--seed", "5", "--log", str(log)]) as apart:
        found = registry.build(settings(apart.environment, tmp_path))
        assert all(found.is_real(channel) for channel in Channel)
        made = {c: handed_over(found.for_channel(c), parcels(c, 3)) for c in Channel}
        accepted = apart.accepted()
        apart.set_plan(NAMED["storm"])
        status = apart.status()
    assert status["plan"]["name"] == "storm"
    assert status["seed"] == 5
    assert status["accepted"] == len(accepted) == 9
    assert {a.message_id for a in accepted} == {m for each in made.values() for m in each}
    assert len(log.read_text().splitlines()) == 9
    assert (tmp_path / "e" / "segmind.env").stat().st_mode & 0o77 == 0


def test_an_unknown_path_and_a_bad_plan_are_told(calm: InThread) -> None:
    for method, path, body, status in (
        ("GET", "/nowhere", None, 404),
        ("PUT", "/emulator/plan", b"nonsense", 400),
    ):
        request = urllib.request.Request(calm.url + path, data=body, method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=5)
        assert caught.value.code == status
        assert json.loads(caught.value.read())["detail"]
