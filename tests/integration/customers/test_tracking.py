"""Segment's calls: each is answered on its own, and money is exact."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.customers.calls import unbatch
from segmind.customers.tracking import CallResult, track
from segmind.db.engine import Store
from segmind.events.schema import Kind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def send(store: Store, *calls: Any) -> list[CallResult]:
    with store.engine.begin() as conn:
        return track(conn, list(calls), NOW)


def event(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": "u1",
        "messageId": f"m-{name}",
        "timestamp": "2026-03-02T11:00:00Z",
        "properties": properties,
    }


def rows(store: Store, columns: str) -> list[tuple[Any, ...]]:
    with store.engine.begin() as conn:
        found = conn.execute(text(f"SELECT {columns} FROM event_recent ORDER BY seq"))
        return [tuple(row) for row in found]


def test_an_order_with_products_becomes_one_line_each(store: Store) -> None:
    products = [
        {"product_id": "p1", "price": 19.99, "quantity": 3, "name": "Mug"},
        {"product_id": "p2", "price": "0.005", "quantity": 100},
    ]
    answer = send(store, event("Order Completed", order_id="o1", products=products, coupon="X"))
    assert answer == [CallResult(0, "accepted")]
    lines = rows(store, "kind, quantity, value, properties, order_key")
    # 3 x 19.99 = 59.97; 100 x 0.005 = 0.50, rounded after multiplying.
    assert [line[:4] for line in lines] == [
        (Kind.ORDER_COMPLETED, 3, 5997, '{"coupon":"X"}'),
        (Kind.ORDER_COMPLETED, 100, 50, '{"coupon":"X"}'),
    ]
    assert lines[0][4] == lines[1][4] is not None


def test_a_discounted_order_is_worth_exactly_its_revenue(store: Store) -> None:
    products = [{"product_id": str(i), "price": 10, "quantity": 1} for i in range(3)]
    send(store, event("Order Completed", order_id="o", products=products, revenue=25.00))
    assert [value for (value,) in rows(store, "value")] == [834, 833, 833]


def test_an_order_without_products_is_one_line_worth_its_revenue(store: Store) -> None:
    send(store, event("Order Completed", order_id="o", revenue="1234.565"))
    assert rows(store, "value, quantity") == [(123456, None)]  # half to even


def test_a_cart_line_is_worth_price_times_quantity(store: Store) -> None:
    send(store, event("Product Added", product_id="p", price=0.1, quantity=3))
    assert rows(store, "kind, quantity, value, currency") == [(Kind.PRODUCT_ADDED, 3, 30, "USD")]


def test_the_same_message_id_again_is_repeated(store: Store) -> None:
    call = event("Order Completed", order_id="o", products=[{"product_id": "p", "price": 5}])
    assert send(store, call, call) == [CallResult(0, "accepted"), CallResult(1, "repeated")]
    assert send(store, call) == [CallResult(0, "repeated")]
    assert len(rows(store, "seq")) == 1


def test_calls_without_message_id_are_told_apart_by_content(store: Store) -> None:
    call = event("Signed Up", plan="pro")
    del call["messageId"]
    other = {**call, "properties": {"plan": "free"}}
    assert [r.status for r in send(store, call, other, call)] == [
        "accepted",
        "accepted",
        "repeated",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"userId": None}, "userId"),
        ({"userId": {"a": 1}}, "userId"),
        ({"userId": "x" * 300}, "userId"),
        ({"type": "alias"}, "type"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 1700000000}, "timestamp"),
        ({"timestamp": "2030-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"event": ""}, "event"),
        ({"event": "e" * 201}, "event"),
        ({"event": "message_opened"}, "event"),
        ({"event": "Segment Entered"}, "event"),
        ({"event": "order"}, "event"),
        ({"properties": []}, "properties"),
        ({"properties": {"x": "y" * 40_000}}, "properties"),
        ({"properties": {"revenue": -1}}, "properties.revenue"),
        ({"properties": {"revenue": "a lot"}}, "properties.revenue"),
        ({"properties": {"revenue": True}}, "properties.revenue"),
        ({"properties": {"revenue": "1e400000"}}, "properties.revenue"),
        ({"properties": {}}, "properties.revenue"),
        ({"properties": {"revenue": 1, "currency": "EUR"}}, "properties.currency"),
        ({"properties": {"products": [{"product_id": "p"}]}}, "properties.products[0].price"),
        (
            {"properties": {"products": [{"price": 1, "quantity": 0}]}},
            "properties.products[0].quantity",
        ),
        ({"messageId": 7}, "messageId"),
    ],
)
def test_a_bad_call_is_rejected_by_name_and_harms_no_other(
    store: Store, change: dict[str, Any], field: str
) -> None:
    good = {**event("Order Completed", order_id="o", revenue=10), "messageId": "good"}
    bad = {**event("Order Completed", order_id="o", revenue=10), **change}
    first, second = send(store, bad, good)
    assert (first.status, first.field) == ("rejected", field)
    assert first.reason
    assert second == CallResult(1, "accepted")
    assert rows(store, "value") == [(1000,)]


@pytest.mark.parametrize("junk", [None, 7, "x", [], {"type": "track"}, {"userId": "\ud800"}])
def test_what_is_no_call_is_rejected(store: Store, junk: Any) -> None:
    assert send(store, junk)[0].status == "rejected"


def test_a_nul_hidden_in_any_text_harms_nobody(store: Store) -> None:
    good = event("Product Viewed", product_id="p")
    hidden: list[dict[str, Any]] = [
        event("a\x00b"),
        event("Product Viewed", product_id="p\x00"),
        {**event("x"), "userId": "a\x00"},
        {"type": "identify", "userId": "u2", "traits": {"note": "a\x00b", "x\x00": 1, "ok": 1}},
    ]
    answers = send(store, *hidden, good)
    assert [a.status for a in answers] == ["rejected"] * 3 + ["accepted"] * 2
    with store.engine.begin() as conn:
        kept = conn.execute(text("SELECT traits FROM customer WHERE external_id = 'u2'")).scalar()
    assert kept == {"ok": 1}


def test_identify_keeps_good_traits_and_names_bad_ones(store: Store) -> None:
    given = {
        "firstName": "Ada",
        "email": "Ada@Example.COM",
        "phone": "12",
        "plan": "pro",
        "birthday": "1815-12-10",
    }
    call = {"type": "identify", "userId": "u1", "traits": given}
    (answer,) = send(store, call)
    assert answer.status == "accepted"
    assert answer.field == "traits.phone"
    assert "birthday" in str(answer.reason)
    with store.engine.begin() as conn:
        row = conn.execute(text("SELECT first_name, email, phone, traits FROM customer")).one()
    assert tuple(row) == ("Ada", "Ada@example.com", None, {"plan": "pro"})


def test_a_page_is_an_event_with_its_name(store: Store) -> None:
    send(
        store,
        {
            "type": "page",
            "anonymousId": "a",
            "name": "Home",
            "properties": {"url": "https://shop.example/"},
            "context": {"sessionId": "s1"},
        },
    )
    ((kind, properties, session),) = rows(store, "kind, properties, session_key")
    assert kind == Kind.PAGE_VIEWED
    assert json.loads(properties) == {"name": "Home", "url": "https://shop.example/"}
    assert session is not None


def test_custom_events_keep_their_name_and_properties(store: Store) -> None:
    send(store, event("Quiz Finished", score=7, revenue=2.5))
    with store.engine.begin() as conn:
        name = conn.execute(text("SELECT name FROM event_name")).scalar()
    assert name == "Quiz Finished"
    ((value, properties),) = rows(store, "value, properties")
    assert (value, json.loads(properties)) == (250, {"score": 7})


def test_anonymous_then_named_in_one_batch_is_one_customer(store: Store) -> None:
    known = {"type": "identify", "userId": "u", "traits": {}}
    viewed = {**event("Product Viewed", product_id="p"), "userId": None, "anonymousId": "a"}
    send(store, known)
    send(store, viewed)
    answers = send(
        store,
        {**viewed, "messageId": "m2"},
        {"type": "identify", "userId": "u", "anonymousId": "a"},
    )
    assert [a.status for a in answers] == ["accepted", "accepted"]
    with store.engine.begin() as conn:
        customer = conn.execute(text("SELECT id FROM customer WHERE external_id = 'u'")).scalar()
        merged = conn.execute(text("SELECT into_id FROM customer_merge")).scalar()
    assert merged == customer
    assert rows(store, "customer_id")[-1] == (customer,)


def test_a_senders_wrong_clock_is_corrected(store: Store) -> None:
    call = event("Product Viewed", product_id="p")
    del call["timestamp"]
    late = {**call, "originalTimestamp": "2026-03-02T10:00:00Z", "sentAt": "2026-03-02T10:30:00Z"}
    send(store, late)
    assert rows(store, "ts") == [(NOW - timedelta(minutes=30),)]


def test_a_batch_hands_its_context_to_each_call(store: Store) -> None:
    device = {"device": {"token": "t1", "type": "iOS"}}
    payload = {"batch": [event("Product Viewed", product_id="p")], "context": device}
    send(store, *unbatch(payload))
    with store.engine.begin() as conn:
        found = conn.execute(text("SELECT token, platform FROM device")).one()
        push = conn.execute(text("SELECT push_token FROM customer")).scalar()
    assert (tuple(found), push) == (("t1", "ios"), "t1")


def test_addresses_that_changed_are_told(store: Store) -> None:
    told: list[list[int]] = []
    calls = [
        {"type": "identify", "userId": u, "traits": {"email": f"{u}@example.com"}}
        for u in ("a", "b")
    ]
    for _ in range(2):
        with store.engine.begin() as conn:
            track(conn, calls, NOW, lambda _, ids: told.append(list(ids)))
    assert [len(ids) for ids in told] == [2]  # the second time nothing changes


def test_batches_at_once_about_the_same_customers_all_go_in(store: Store) -> None:
    def calls(turn: int) -> list[dict[str, Any]]:
        users = [f"u{i}" for i in range(30)]
        return [
            call
            for user in (users if turn % 2 else users[::-1])
            for call in (
                {**event("Product Added", product_id=user, price=1), "userId": user}
                | {"messageId": f"{turn}{user}"},
                {"type": "identify", "userId": user, "traits": {f"t{turn}": turn}},
            )
        ]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda turn: send(store, *calls(turn)), range(6)))
    assert {r.status for answer in answers for r in answer} == {"accepted"}
    assert len(rows(store, "seq")) == 180
    with store.engine.begin() as conn:
        kept = conn.execute(text("SELECT traits FROM customer")).scalars().all()
    assert kept == [{f"t{turn}": turn for turn in range(6)}] * 30
