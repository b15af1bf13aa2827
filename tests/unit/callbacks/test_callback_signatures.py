"""Signatures of outbound webhooks, and when a failed one is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from segmind.callbacks import retry, signing
from segmind.callbacks.signing import BadSecret

AT = datetime(2021, 2, 25, 17, 51, 10, tzinfo=UTC)
#: The example of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 8
BODY = b'{"test": 2432232314}'


def test_the_specification_s_example_has_its_signature() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    signed = signing.headers([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", BODY, at)
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_changes_both_verify() -> None:
    signed = signing.headers([OTHER, SECRET], "msg_1", BODY, AT)
    assert signing.verify(SECRET, signed, BODY, AT)
    assert signing.verify(OTHER, signed, BODY, AT)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(int(AT.timestamp()) + 1)},
        {"webhook-timestamp": "١٢٣"},
        {"webhook-timestamp": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
    ],
)
def test_whatever_is_altered_does_not_verify(change: dict[str, str]) -> None:
    signed = signing.headers([SECRET], "msg_1", BODY, AT)
    assert signing.verify(SECRET, signed, BODY, AT)
    assert not signing.verify(SECRET, signed | change, BODY, AT)
    assert not signing.verify(SECRET, signed, BODY + b" ", AT)
    assert not signing.verify(OTHER, signed, BODY, AT)


def test_an_old_call_is_a_replay() -> None:
    signed = signing.headers([SECRET], "msg_1", BODY, AT)
    assert signing.verify(SECRET, signed, BODY, AT + timedelta(seconds=300))
    assert not signing.verify(SECRET, signed, BODY, AT + timedelta(seconds=301))
    assert not signing.verify(SECRET, signed, BODY, AT - timedelta(seconds=301))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_QUJD", SECRET[6:]])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(BadSecret):
        signing.headers([secret], "msg_1", BODY, AT)


def test_pauses_grow_and_end() -> None:
    draw = random.Random(1)
    waits = []
    for tries in range(1, len(retry.DEFAULT.pauses) + 1):
        at = retry.again_at(retry.DEFAULT, tries, None, AT, draw)
        assert at is not None
        waits.append((at - AT).total_seconds())
    assert waits == sorted(waits)
    for wait, pause in zip(waits, retry.DEFAULT.pauses, strict=True):
        assert pause <= wait <= pause * 1.2
    assert retry.again_at(retry.DEFAULT, len(waits) + 1, None, AT, draw) is None


def test_a_receiver_can_ask_for_later_but_not_for_ever() -> None:
    draw = random.Random(1)
    asked = retry.again_at(retry.DEFAULT, 1, 900.0, AT, draw)
    assert asked == AT + timedelta(seconds=900)
    greedy = retry.again_at(retry.DEFAULT, 1, 1e9, AT, draw)
    assert greedy == AT + timedelta(hours=1)
    hasty = retry.again_at(retry.DEFAULT, 1, 0.0, AT, draw)
    assert hasty is not None
    assert hasty >= AT + timedelta(seconds=5)
