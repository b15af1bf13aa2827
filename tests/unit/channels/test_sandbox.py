"""The sandbox behaves like a carrier: same fate for one message, signed reports, real shares."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from segmind.channels.channel import Channel
from segmind.channels.content import SmsContent
from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import Accepted
from segmind.channels.provider import Found, NotFound, Parcel
from segmind.channels.providers.sandbox import ParcelRef, Sandbox
from segmind.channels.webhook import Deliveries, Refusal, Refused

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = b"k" * 32


def refs(channel: Channel, n: int) -> list[ParcelRef]:
    return [ParcelRef(uuid.UUID(int=(i + 1) * 7919 << 40), channel) for i in range(n)]


def reports(channel: Channel, n: int = 20_000) -> list[list[Delivery]]:
    sandbox = Sandbox(channel, KEY)
    return [sandbox.plan(ref, AT) for ref in refs(channel, n)]


def test_the_same_message_always_meets_the_same_fate() -> None:
    one, other = Sandbox(Channel.EMAIL, KEY), Sandbox(Channel.EMAIL, b"x" * 32)
    for ref in refs(Channel.EMAIL, 50):
        assert one.plan(ref, AT) == other.plan(ref, AT)


def test_shares_are_those_of_a_healthy_list() -> None:
    plans = reports(Channel.EMAIL)
    words = Counter((d.word, d.machine) for plan in plans for d in plan)
    n = len(plans)
    assert words[Word.DELIVERED, False] / n == pytest.approx(0.97, abs=0.005)
    assert words[Word.BOUNCED_HARD, False] / n == pytest.approx(0.015, abs=0.004)
    opened = sum(any(d.word is Word.OPENED for d in plan) for plan in plans)
    assert opened / n == pytest.approx(0.34, abs=0.02)
    assert words[Word.CLICKED, False] / n == pytest.approx(0.078, abs=0.01)
    assert words[Word.UNSUBSCRIBED, False] / n == pytest.approx(0.003, abs=0.0015)
    assert 0 < words[Word.COMPLAINED, False] < n * 0.002
    assert words[Word.OPENED, True] > 0


def test_a_text_message_is_never_reported_open_and_stop_is_a_reply() -> None:
    words = {d.word for plan in reports(Channel.SMS) for d in plan}
    assert Word.OPENED not in words
    assert {Word.DELIVERED, Word.CLICKED, Word.INBOUND_STOP, Word.BOUNCED_HARD} <= words


def test_a_rehearsal_shows_receipts_within_seconds() -> None:
    plans = reports(Channel.EMAIL, 2000)
    first = [plan[0].at - AT for plan in plans]
    assert max(first) < timedelta(seconds=2)
    opens = sorted(d.at - AT for plan in plans for d in plan if d.word is Word.OPENED)
    assert opens[len(opens) // 10] < timedelta(seconds=20)
    clicks = sorted(d.at - AT for plan in plans for d in plan if d.word is Word.CLICKED)
    assert clicks[len(clicks) // 10] < timedelta(seconds=30)


def test_at_speed_one_people_take_minutes_to_hours() -> None:
    slow = Sandbox(Channel.EMAIL, KEY, speed=1.0)
    opens = sorted(
        d.at - AT
        for ref in refs(Channel.EMAIL, 3000)
        for d in slow.plan(ref, AT)
        if d.word is Word.OPENED and not d.machine
    )
    assert timedelta(minutes=20) < opens[len(opens) // 2] < timedelta(minutes=90)
    assert opens[-1] > timedelta(hours=6)


def test_an_open_or_click_never_precedes_the_delivery() -> None:
    for plan in reports(Channel.PUSH, 3000):
        assert plan == sorted(plan, key=lambda d: d.at)
        assert plan[0].word in {Word.DELIVERED, Word.BOUNCED_HARD, Word.BOUNCED_SOFT}


def test_due_reports_every_event_once_whatever_the_steps() -> None:
    sandbox = Sandbox(Channel.EMAIL, KEY)
    accepted = [(ref, AT) for ref in refs(Channel.EMAIL, 80)]
    seen: list[str] = []
    after, step = None, timedelta(seconds=7)
    until = AT
    for _ in range(200):
        for request in sandbox.due(accepted, after, until):
            read = sandbox.read_webhook(request.received(until))
            assert isinstance(read, Deliveries)
            assert len(read.items) <= 500
            seen += [d.dedupe_key for d in read.items]
        after, until = until, until + step
    wanted = [
        d.dedupe_key for ref, at in accepted for d in sandbox.plan(ref, at) if d.at <= (after or AT)
    ]
    assert sorted(seen) == sorted(wanted)
    assert len(set(seen)) == len(seen)


def test_later_gives_each_report_with_its_instant() -> None:
    sandbox = Sandbox(Channel.SMS, KEY)
    ref = refs(Channel.SMS, 1)[0]
    for at, request in sandbox.later(ref, AT):
        read = sandbox.read_webhook(request.received(at))
        assert isinstance(read, Deliveries)
        assert [d.at for d in read.items] == [at]
        assert read.items[0].message_public_id == ref.message_public_id


def test_it_remembers_what_it_took() -> None:
    sandbox = Sandbox(Channel.SMS, KEY)
    parcel = Parcel(uuid.uuid4(), "+15005550006", SmsContent("Hello"))
    assert sandbox.find(parcel, AT) == NotFound()
    (outcome,) = sandbox.send([parcel])
    assert isinstance(outcome, Accepted)
    assert sandbox.find(parcel, AT) == Found(outcome.provider_id)


def test_a_forged_changed_or_old_report_is_refused() -> None:
    sandbox = Sandbox(Channel.SMS, KEY)
    ref = refs(Channel.SMS, 1)[0]
    good = sandbox.sign(sandbox.plan(ref, AT), AT)
    request = good.received(AT)
    cases = {
        "unsigned": (replace(request, headers={}), Refusal.FORGED),
        "changed": (replace(request, body=request.body + b" "), Refusal.FORGED),
        "old": (replace(request, received_at=AT + timedelta(hours=27)), Refusal.STALE),
        "foreign": (Sandbox(Channel.SMS, b"y" * 32).sign([], AT).received(AT), Refusal.FORGED),
        "odd": (
            replace(request, headers={**request.headers, "x-sandbox-signature": "\udcff\x00"}),
            Refusal.FORGED,
        ),
        "large": (replace(request, body=b"x" * (6 << 20)), Refusal.TOO_LARGE),
    }
    for name, (case, reason) in cases.items():
        read = sandbox.read_webhook(case)
        assert isinstance(read, Refused), name
        assert read.reason is reason, name


def test_a_delivery_survives_its_json() -> None:
    for plan in reports(Channel.EMAIL, 300):
        for delivery in plan:
            assert Delivery.from_json(delivery.to_json()) == delivery
