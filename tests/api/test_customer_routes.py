from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api_client import Client, customer_id, each, problem
from sqlalchemy import func, select

from segmind.consent.tables import suppression
from segmind.db.engine import Store


def test_customers_are_found_by_name_address_and_id(shop: Client) -> None:
    for query in ("person3", "Person3 Test", "person3@exam", "c-3", "+1 555 010 0003"):
        found = shop.get("/customers", params={"query": query}).json()["customers"]
        assert [c["external_id"] for c in found] == ["c-3"], query
    assert shop.get("/customers", params={"query": "nobody"}).json()["customers"] == []
    assert shop.get("/customers", params={"external_id": "none"}).json()["customers"] == []


def test_pages_of_customers_cover_all_once(shop: Client) -> None:
    seen: list[str] = []
    before: int | None = None
    while True:
        page = shop.get("/customers", params={"limit": 3} | ({"before": before} if before else {}))
        seen += [c["external_id"] for c in page.json()["customers"]]
        before = page.json()["next"]
        if before is None:
            break
    assert sorted(seen) == [f"c-{n}" for n in range(1, 9)]


def test_one_customer_has_ids_channels_and_totals(shop: Client) -> None:
    found = shop.get(f"/customers/{customer_id(shop, 1)}").json()
    assert found["name"] == "Person1 Test"
    assert found["ids"][0]["external_id"] == "c-1"
    assert [c["channel"] for c in found["channels"]] == ["email", "sms", "push"]
    assert found["channels"][0]["consent"] is True
    assert found["channels"][1]["consent"] is None
    totals = found["totals"]
    assert (totals["orders"], totals["revenue"], totals["currency"]) == (2, 7996, "USD")
    assert totals["last_order"] == "2026-03-01T12:00:00Z"
    past = shop.get(f"/customers/{customer_id(shop, 1)}", params={"as_of": "2026-03-01T00:00:00Z"})
    assert past.json()["totals"]["orders"] == 1


def test_the_timeline_comes_in_pages_newest_first(shop: Client) -> None:
    path = f"/customers/{customer_id(shop, 4)}/timeline"
    whole = shop.get(path).json()["events"]
    assert [e["name"] for e in whole] == ["product_viewed"] * 8
    assert [e["ts"] for e in whole] == sorted((e["ts"] for e in whole), reverse=True)
    first = shop.get(path, params={"limit": 5}).json()
    rest = shop.get(path, params={"limit": 5, "until": first["next"]}).json()
    assert first["events"] + rest["events"] == whole
    assert rest["next"] is None


def test_a_no_and_a_yes_are_recorded_with_their_proof(shop: Client, store: Store) -> None:
    path = f"/customers/{customer_id(shop, 1)}/consents"
    no = {"channel": "email", "consent": False, "evidence": {"call": 17}}
    answer = shop.post(path, json=no)
    assert answer.status_code == 201
    assert answer.json()["current"]["email"] is False
    assert answer.json()["entries"][0]["evidence"] == {"call": 17}
    with store.engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(suppression)).scalar() == 1
    later = {"channel": "sms", "consent": False}
    assert shop.post(path, json=later).json()["current"] == {"email": False, "sms": False}
    assert len(shop.get(path).json()["entries"]) == 3


@each(
    "body, field",
    [
        ({"channel": "pigeon", "consent": True}, "channel"),
        ({"channel": "email"}, "consent"),
        ({"channel": "email", "consent": "perhaps"}, "consent"),
        ({"channel": "email", "consent": True, "source": "rumour"}, "source"),
        ({"channel": "email", "consent": True, "evidence": "yes"}, "evidence"),
        ({"channel": "email", "consent": True, "when": "now"}, "when"),
    ],
)
def test_a_wrong_consent_is_refused(shop: Client, body: dict[str, Any], field: str) -> None:
    answer = shop.post(f"/customers/{customer_id(shop, 1)}/consents", json=body)
    assert problem(answer, 422, "invalid_input")["errors"][0]["field"] == field


def test_an_unknown_customer_is_not_found(client: Client) -> None:
    for path in ("", "/timeline", "/consents"):
        problem(client.get(f"/customers/999999{path}"), 404, "customer_not_found")
    consent = {"channel": "email", "consent": True}
    problem(client.post("/customers/999999/consents", json=consent), 404, "customer_not_found")


@each("limit", ["0", "501", "x", "-1"])
def test_a_page_has_a_bearable_size(client: Client, limit: str) -> None:
    found = problem(client.get("/customers", params={"limit": limit}), 422, "invalid_input")
    assert found["errors"][0]["field"] == "limit"


def test_a_customer_is_exported_whole_and_then_erased(shop: Client, store: Store) -> None:
    path = f"/customers/{customer_id(shop, 1)}"
    orders = shop.get("/analytics/revenue").json()["orders"]
    text = {
        "channel": "email",
        "to": {"external_id": "c-1"},
        "content": {"subject": "a", "body": "b"},
    }
    message = shop.post("/messages/send", json=text).json()["id"]
    kept = shop.get(f"{path}/export").json()
    assert kept["customer"]["email"] == "person1@example.com"
    assert [each["external_id"] for each in kept["ids"]] == ["c-1"]
    assert len(kept["consents"]) == 1
    assert [each["name"] for each in kept["events"]].count("order_completed") == 2

    assert shop.request("DELETE", path).status_code == 204
    for gone in (shop.get(path), shop.get(f"{path}/export"), shop.request("DELETE", path)):
        problem(gone, 404, "customer_not_found")
    for query in ("Person1", "person1@", "c-1"):
        assert shop.get("/customers", params={"query": query}).json()["customers"] == []
    assert shop.get("/messages", params={"text": "person1@"}).json()["messages"] == []
    assert shop.get(f"/messages/{message}").json()["address"] is None
    assert shop.get("/analytics/revenue").json()["orders"] == orders
    with store.engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(suppression)).scalar() == 2


def test_erasing_needs_the_right_to_write(
    client: Client, shop: Client, key: Callable[..., str]
) -> None:
    path = f"/customers/{customer_id(shop, 2)}"
    headers = {"Authorization": f"Bearer {key('customers:read')}"}
    problem(client.request("DELETE", path, headers=headers), 403, "missing_scope")
    assert client.get(path, headers=headers).status_code == 200
