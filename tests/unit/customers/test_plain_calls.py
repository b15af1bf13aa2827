"""Reading a call plainly gives what reading it with care gives, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.customers import calls, commerce, plain_calls
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.errors import InvalidInput

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
USUAL: dict[str, Any] = {
    "type": "track",
    "event": "Product Added",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-03-02T11:00:00Z",
    "properties": {"product_id": "p", "name": "Mug", "price": 19.99, "quantity": 3},
    "context": {"sessionId": "s1", "page": {"path": "/p"}},
}

texts = st.sampled_from(["", " ", "p1", " p1 ", "größe", "x" * 256, "x" * 501, "7", "USD", "usd"])
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 3, -1, 2**53, 2**64, 10**12, 10**13, 0.5, 19.99, 0.005, 1e15, 1e300]),
    st.sampled_from(["1e3", "19.99", " 5 ", "1e400000", "NaN", "EUR"]),
    texts,
    st.sampled_from([[], {}, {"a": None}, ["x"]]),
)
names = st.sampled_from(
    ["Product Viewed", "product_added", " Product Removed ", "Order Completed", "Checkout Started"]
)
custom_names = st.sampled_from(["Signed Up", "message_sent", "order", "", "x" * 201])
times = st.sampled_from(
    ["2026-03-02T11:00:00Z", "2026-03-02T11:00:00.123456789Z", "2026-03-02 11:00", "20260302T11"]
)
odd_times = st.sampled_from(
    ["2026-03-02T11:00:00+05:30", "2026-03-09T11:00:00Z", "1980-01-01T00:00:00Z", "soon", ""]
)
PROPERTIES = (
    "product_id productId sku name category brand price quantity currency session_id order_id "
    "orderId value revenue total products path"
).split()


def some_of(fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(fields), odd, max_size=4)


lines = st.lists(some_of(["product_id", "price", "quantity", "name"]), max_size=3)


@st.composite
def written_calls(draw: st.DrawFn) -> bytes:
    """A usual call with a few things changed."""
    call = {**USUAL, "event": draw(names | custom_names), "timestamp": draw(times | odd_times)}
    call["type"] = draw(st.sampled_from([*calls.TYPES, "track", "track", "track", "alias"]))
    usual = draw(st.sampled_from([{}, USUAL["properties"]]))
    call["properties"] = usual | draw(some_of(PROPERTIES))
    if draw(st.booleans()):
        call["properties"]["products"] = draw(lines)
    call["context"] = USUAL["context"] | draw(some_of(["sessionId", "session_id", "device"]))
    call |= draw(some_of([*USUAL, "anonymousId", "name", "category", "traits", "integrations"]))
    for gone in draw(st.sets(st.sampled_from([*USUAL]), max_size=1)):
        call.pop(gone, None)
    return json.dumps(call, ensure_ascii=draw(st.booleans())).encode()


def with_care(written: bytes) -> tuple[Call, list[Draft]] | str:
    try:
        call = calls.parse(msgspec.json.decode(written), NOW)
        return call, commerce.drafts_of(call, "USD")
    except InvalidInput as refused:
        return refused.message


def told(call: Call) -> tuple[Any, ...]:
    """What anybody asks of a call once its rows are known."""
    device = call.context.get("device")
    return (
        call.type,
        call.user_id,
        call.anonymous_id,
        call.ts,
        call.message_id,
        call.event,
        dict(call.traits),
        device if isinstance(device, dict) else None,
    )


@given(written_calls())
def test_a_call_read_plainly_says_what_it_says_read_with_care(written: bytes) -> None:
    plain = plain_calls.read(written, NOW, "USD")
    if plain is None:
        return
    careful = with_care(written)
    assert not isinstance(careful, str), careful
    assert told(plain[0]) == told(careful[0])
    assert plain[1] == careful[1]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"event": "Product Viewed"},
        {"properties": {"product_id": 7, "price": "5", "currency": "USD"}},
        {"properties": {"product_id": "p", "price": 1, "colour": "red"}},
        {"event": "Order Completed", "properties": {"revenue": 5, "order_id": "o"}},
        {"event": "Signed Up", "properties": {"plan": "pro", "by": None}},
        {"type": "page", "name": "Sale", "properties": {"path": "/sale"}},
        {"type": "identify", "traits": {"plan": "pro"}, "properties": None},
        {"userId": None, "anonymousId": "b1", "context": None},
        {"context": {"device": {"token": "t", "type": "iOS"}}},
    ],
)
def test_usual_calls_are_read_plainly(change: dict[str, Any]) -> None:
    written = json.dumps(USUAL | change).encode()
    plain = plain_calls.read(written, NOW, "USD")
    careful = with_care(written)
    assert plain is not None and not isinstance(careful, str)
    assert (told(plain[0]), plain[1]) == (told(careful[0]), careful[1])


@pytest.mark.parametrize(
    "change",
    [
        {"userId": 7},
        {"messageId": ""},
        {"timestamp": None},
        {"properties": []},
        {"properties": {"price": None, "product_id": "p"}, "event": "x" * 201},
        {"traits": {"note": "x" * plain_calls.LONGEST}},
    ],
)
def test_what_is_unusual_is_left_to_the_careful_reader(change: dict[str, Any]) -> None:
    assert plain_calls.read(json.dumps(USUAL | change).encode(), NOW, "USD") is None
