"""Events read for a whole batch are what each call alone says, read plainly or with care."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_plain_calls import NOW, USUAL, with_care, written_calls

from segmind.customers import calls, plain_calls, shop_events, zulu
from segmind.customers.shop_events import ShopEvent
from segmind.events import ingest, keys
from segmind.events.names import STANDARD
from tests.trying import examples


def as_event(number: int, written: bytes) -> ShopEvent:
    """What the careful reader makes of a call, in the form of the quick one."""
    careful = with_care(written)
    assert not isinstance(careful, str), careful
    call, (draft,) = careful
    return ShopEvent(
        number,
        (call.user_id, call.anonymous_id),
        keys.event_bytes(call.message_id),
        ingest.micros(call.ts),
        STANDARD[draft.name],
        None if draft.session_id is None else keys.key64(draft.session_id),
        None if draft.order_id is None else keys.key64(draft.order_id),
        draft.product,
        draft.quantity,
        draft.value,
        draft.currency,
        draft.properties,
    )


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(written_calls(), max_size=3))
def test_events_of_a_batch_are_what_each_call_says_read_with_care(written: list[bytes]) -> None:
    events, left = shop_events.read(written, NOW, "USD")
    assert sorted([e.number for e in events] + left) == list(range(len(written)))
    for event in events:
        assert event == as_event(event.number, written[event.number])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"event": " product_viewed "},
        {"timestamp": "2026-03-02 11:00"},
        {"timestamp": "2026-03-02T11:00:00.123Z"},
        {"properties": {"product_id": 7, "price": "5", "currency": "USD", "session_id": "s"}},
        {"userId": None, "anonymousId": "b1", "context": None},
    ],
)
def test_usual_events_about_products_are_read(change: dict[str, Any]) -> None:
    events, left = shop_events.read([json.dumps(USUAL | change).encode()], NOW, "USD")
    assert len(events) == 1 and left == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "page"},
        {"event": "Order Completed"},
        {"event": "message_sent"},
        {"timestamp": "2026-02-30T11:00:00.000Z"},
        {"timestamp": "2026-03-09T11:00:00.000Z"},
        {"timestamp": "1980-01-01T00:00:00.000Z"},
        {"context": {"device": {"token": "t"}}},
        {"properties": {"product_id": "p", "price": "a lot"}},
        {"properties": {"product_id": "p", "colour": "red"}},
        {"userId": " "},
        {"integrations": {"note": "x" * plain_calls.LONGEST}},
    ],
)
def test_what_differs_is_left(change: dict[str, Any]) -> None:
    batch = [json.dumps(each).encode() for each in (USUAL, USUAL | change, USUAL)]
    events, left = shop_events.read([*batch, USUAL], NOW, "USD")
    assert [e.number for e in events] == [0, 2] and left == [1, 3]


instants = st.datetimes(timezones=st.just(UTC))
signs = st.text("0123456789-:.TZ+ \u0663", min_size=24, max_size=24)


@given(st.lists(instants, max_size=5))
def test_usual_times_are_read_together_as_alone(given_instants: list[datetime]) -> None:
    whole = [at.replace(microsecond=at.microsecond // 1000 * 1000) for at in given_instants]
    texts = [at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in whole]
    found = zulu.micros_of(texts)
    assert found is not None
    assert found.tolist() == [ingest.micros(at) for at in whole]


@given(st.lists(signs, min_size=1, max_size=2), st.integers(0, 23), st.sampled_from("0123456789T"))
def test_what_is_no_time_is_none(texts: list[str], place: int, sign: str) -> None:
    usual = "2026-03-31T11:59:59.123Z"
    texts = [*texts, usual[:place] + sign + usual[place + 1 :]]
    for text in texts:
        found = zulu.micros_of([text])
        if found is not None:
            assert found.tolist() == [ingest.micros(calls.instant(text, "timestamp"))]


def test_a_far_future_is_no_usual_time() -> None:
    late = (NOW + timedelta(days=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    written = json.dumps(USUAL | {"timestamp": late}).encode()
    assert shop_events.read([written], NOW, "USD") == ([], [0])
