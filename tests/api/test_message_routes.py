from __future__ import annotations

from typing import Any
from uuid import uuid4

from api_client import Client, customer_id, each, problem

from segmind.db.engine import Store
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher

HELLO = {
    "channel": "email",
    "to": {"external_id": "c-1"},
    "content": {"subject": "Hello {{ first_name }}", "body": "<p>Your order {{ number }}.</p>"},
    "vars": {"number": "991"},
}


def test_a_single_message_goes_out_and_can_be_followed(shop: Client, store: Store) -> None:
    answer = shop.post("/messages/send", json=HELLO)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["created"], made["status"], made["source"]) == (True, "queued", "single")
    assert made["customer_id"] == customer_id(shop, 1)
    Dispatcher(store, open_registry(store)).run_until_idle()
    found = shop.get(f"/messages/{made['id']}").json()
    assert found["status"] == "accepted", found
    assert found["provider"] == "sandbox"
    assert [entry["what"] for entry in found["history"]]
    assert answer.headers["location"] == f"/messages/{made['id']}"


def test_the_same_key_sends_once_and_another_request_under_it_is_a_conflict(shop: Client) -> None:
    headers = {"Idempotency-Key": "order-991"}
    first = shop.post("/messages/send", json=HELLO, headers=headers)
    again = shop.post("/messages/send", json={**HELLO, "idempotency_key": "order-991"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert not again.json()["created"]
    other = {**HELLO, "vars": {"number": "992"}}
    problem(shop.post("/messages/send", json=other, headers=headers), 409, "idempotency_key_reused")
    differ = shop.post("/messages/send", json={**HELLO, "idempotency_key": "b"}, headers=headers)
    assert problem(differ, 422, "invalid_input")["errors"][0]["field"] == "idempotency_key"
    assert len(shop.get("/messages").json()["messages"]) == 1


def test_messages_are_searched_and_paged(shop: Client) -> None:
    for n in range(1, 6):
        body = {**HELLO, "to": {"customer_id": customer_id(shop, n)}}
        assert shop.post("/messages/send", json=body).status_code == 201
    page = shop.get("/messages", params={"limit": 3}).json()
    rest = shop.get("/messages", params={"limit": 3, "before": page["next"]}).json()
    assert (len(page["messages"]), len(rest["messages"]), rest["next"]) == (3, 2, None)
    one = shop.get("/messages", params={"text": "person2@"}).json()["messages"]
    assert [m["address"] for m in one] == ["person2@example.com"]
    mine = {"customer_id": customer_id(shop, 3), "channel": "email", "source": "single"}
    assert len(shop.get("/messages", params=mine).json()["messages"]) == 1
    assert shop.get("/messages", params={"channel": "sms"}).json()["messages"] == []


@each(
    "changes, field",
    [
        ({"to": {}}, "to"),
        ({"to": {"customer_id": 1, "address": "a@example.com"}}, "to"),
        ({"to": {"address": "nonsense"}}, "to"),
        ({"to": {"address": "a@example.com\r\nBcc: b@example.com"}}, "to"),
        ({"to": {"customer_id": 0}}, "to.customer_id"),
        ({"to": {"customer_id": 2**63}}, "to.customer_id"),
        ({"channel": "fax"}, "channel"),
        ({"content": None}, "content"),
        ({"content": {"colour": "red"}}, "colour"),
        ({"content": {"subject": "{{ broken", "body": "x"}}, "subject"),
        ({"content": {"subject": "{% if %}", "body": "x"}}, "subject"),
        ({"content": {"subject": "Hi", "body": "{{ first_nam }}"}}, "body"),
        ({"content": {"subject": "{{ name | shout }}", "body": "x"}}, "subject"),
        (
            {"content": {"subject": "Hi", "body": "{% for i in (1..1000000000) %}x{% endfor %}"}},
            "body",
        ),
        ({"content": {"subject": "Hi"}}, "body"),
        ({"content": {}}, "subject"),
        ({"vars": {}}, "body"),
        ({"template_version_id": 5}, "content"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "2026-03-02T12:00:00"}, "send_at"),
        ({"purpose": "fun"}, "purpose"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_message_that_cannot_be_is_refused_with_the_field(
    shop: Client, changes: dict[str, Any], field: str | None
) -> None:
    answer = shop.post("/messages/send", json={**HELLO, **changes})
    assert answer.status_code == 422, answer.text
    found = answer.json()
    if field is not None:
        assert found["errors"][0]["field"] == field
    assert shop.get("/messages").json()["messages"] == []


def test_unknown_customers_messages_and_versions_are_not_found(shop: Client) -> None:
    nobody = {**HELLO, "to": {"external_id": "nobody"}}
    problem(shop.post("/messages/send", json=nobody), 404, "customer_not_found")
    unknown = {**HELLO, "to": {"customer_id": 999_999}}
    problem(shop.post("/messages/send", json=unknown), 404, "customer_not_found")
    version = {k: v for k, v in HELLO.items() if k != "content"} | {"template_version_id": 99}
    assert shop.post("/messages/send", json=version).status_code == 404
    problem(shop.get(f"/messages/{uuid4()}"), 404, "message_not_found")
    problem(shop.get("/messages/nonsense"), 422, "invalid_input")
