from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api_client import Client, each, problem
from fastapi import FastAPI

from segmind import clock
from segmind.db.engine import Store
from segmind.segments import segment

LOOKERS = {
    "type": "did",
    "event": "product_viewed",
    "op": "at_least",
    "n": 10,
    "window": {"type": "last", "amount": 30, "unit": "days"},
}
BUILT_INS = {
    "high_converters",
    "window_shoppers",
    "cart_abandoners",
    "loyal_customers",
    "at_risk",
    "high_value",
}


def test_the_six_built_in_segments_are_there_with_their_sizes(shop: Client) -> None:
    found = {s["key"]: s for s in shop.get("/segments").json()["segments"]}
    assert set(found) == BUILT_INS
    assert all(s["is_built_in"] and s["sentence"] for s in found.values())
    sizes = {key: s["size"]["size"] for key, s in found.items()}
    # Customers 5 to 8 looked at 10 and more products; 1 and 2 ordered on two days,
    # in two of three sessions; 3 left a cart.
    assert sizes == {
        "high_converters": 2,
        "window_shoppers": 4,
        "cart_abandoners": 1,
        "loyal_customers": 2,
        "at_risk": 0,
        "high_value": 2,
    }
    assert found["window_shoppers"]["size"]["reach"]["email"] == 4
    assert found["window_shoppers"]["size"]["as_of"] == "2026-03-02T12:00:00Z"


def test_sizes_can_be_asked_for_any_past_moment(shop: Client) -> None:
    answer = shop.get("/segments", params={"as_of": "2026-03-01T00:00:00+00:00"}).json()
    sizes = {s["key"]: s["size"]["size"] for s in answer["segments"]}
    assert sizes["cart_abandoners"] == 0
    assert sizes["window_shoppers"] == 4
    assert sizes["loyal_customers"] == 0


def test_a_segment_is_created_with_its_members(shop: Client) -> None:
    body = {"name": "Lookers", "description": "They look.", "rule": LOOKERS}
    answer = shop.post("/segments/create", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["size"]["size"] == 4
    assert not made["is_built_in"]
    assert answer.headers["location"] == f"/segments/{made['id']}"
    assert shop.get(f"/segments/{made['id']}").json() == made
    listed = shop.get("/segments").json()["segments"]
    assert [s["name"] for s in listed][-1] == "Lookers"


def test_a_segment_that_was_saved_elsewhere_has_its_size_at_once(
    shop: Client, store: Store
) -> None:
    with store.engine.begin() as conn:
        made = segment.create(conn, "Lookers", LOOKERS, actor="the UI", now=clock.now())
    assert shop.get(f"/segments/{made.id}").json()["size"]["size"] == 4


def test_members_come_in_pages_that_cover_all_once(shop: Client) -> None:
    body = {"name": "Lookers", "rule": LOOKERS}
    made = shop.post("/segments/create", json=body).json()["id"]
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = shop.get(f"/segments/{made}/customers", params={"after": after, "limit": 3}).json()
        assert page["total"] == 4
        seen += [c["external_id"] for c in page["customers"]]
        after = page["next"]
    assert seen == ["c-5", "c-6", "c-7", "c-8"]
    past = {"as_of": "2026-01-01T00:00:00Z"}
    assert shop.get(f"/segments/{made}/customers", params=past).json()["total"] == 0


def test_names_are_only_for_keys_that_may_read_customers(
    shop: Client, api: FastAPI, key: Callable[..., str]
) -> None:
    made = shop.post("/segments/create", json={"name": "Lookers", "rule": LOOKERS}).json()["id"]
    headers = {"Authorization": f"Bearer {key('segments:read')}"}
    page = shop.get(f"/segments/{made}/customers", headers=headers).json()
    assert all(c["name"] is None and c["email"] is None for c in page["customers"])
    problem(shop.get("/customers", headers=headers), 403, "missing_scope")
    problem(
        shop.post("/segments/create", json={"name": "x", "rule": LOOKERS}, headers=headers),
        403,
        "missing_scope",
    )


def test_a_what_if_answers_with_count_sample_and_reach(shop: Client) -> None:
    found = shop.post("/segments/preview", json={"rule": LOOKERS}).json()
    assert (found["count"], found["base"], found["share"]) == (4, 8, 0.5)
    assert len(found["sample"]) == 4
    assert found["reach"] == {"email": 4, "sms": 0, "push": 0}
    assert found["sentence"].endswith(".")
    past = {"rule": LOOKERS, "as_of": "2026-01-01T00:00:00Z"}
    assert shop.post("/segments/preview", json=past).json()["count"] == 0


def _nested(levels: int) -> dict[str, Any]:
    rule: dict[str, Any] = LOOKERS
    for _ in range(levels):
        rule = {"type": "all", "conditions": [rule]}
    return rule


@each(
    "rule, field",
    [
        ({"type": "trait", "field": "shoe_size", "op": "is", "value": 1}, None),
        ({"type": "dance"}, "rule.type"),
        ({}, "rule.type"),
        ({**LOOKERS, "n": "many"}, "rule.n"),
        ({"type": "all", "conditions": [LOOKERS, {**LOOKERS, "n": -1}]}, "rule.all[1].n"),
        ({**LOOKERS, "event": "never_seen_event"}, "rule.event"),
        ({"type": "in_segment", "segment_id": 999_999}, None),
        (_nested(30), None),
    ],
)
@each("path", ["/segments/create", "/segments/preview"])
def test_a_wrong_rule_is_refused_with_the_path_of_the_fault(
    shop: Client, path: str, rule: dict[str, Any], field: str | None
) -> None:
    body = {"rule": rule, **({"name": "x"} if path.endswith("create") else {})}
    found = problem(shop.post(path, json=body), 422, "invalid_rule")
    assert found["errors"][0]["message"]
    assert found["errors"][0]["field"].startswith("rule")
    if field is not None:
        assert found["errors"][0]["field"] == field


def test_a_thousand_nested_groups_are_refused(shop: Client) -> None:
    opened = '{"type": "all", "conditions": ['
    body = '{"rule": ' + opened * 1000 + "1" + "]}" * 1000 + "}"
    headers = {"Content-Type": "application/json"}
    answer = shop.post("/segments/preview", content=body, headers=headers)
    found = problem(answer, 400, "invalid_json")
    assert "nested" in found["detail"]
    assert found["errors"][0]["field"].startswith("rule.all[0].all[0].all[0]")


@each(
    "body, field",
    [
        ({"rule": LOOKERS}, "name"),
        ({"name": "x"}, "rule"),
        ({"name": "x", "rule": "all"}, "rule"),
        ({"name": "x", "rule": LOOKERS, "colour": "red"}, "colour"),
        ({"name": "  ", "rule": LOOKERS}, "name"),
        ({"name": "x" * 201, "rule": LOOKERS}, "name"),
        ([], "body"),
        ("x", "body"),
        (None, "body"),
    ],
)
def test_a_wrong_body_is_refused_with_the_field(shop: Client, body: Any, field: str) -> None:
    answer = shop.post("/segments/create", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


@each("segment_id", ["0", "-1", "x", "99999999999999999999", "1.5"])
def test_an_id_that_is_none_is_refused(client: Client, segment_id: str) -> None:
    problem(client.get(f"/segments/{segment_id}"), 422, "invalid_input")


def test_an_unknown_segment_is_not_found(client: Client) -> None:
    problem(client.get("/segments/999999"), 404, "not_found")
    problem(client.get("/segments/999999/customers"), 404, "not_found")


def test_an_archived_segment_is_listed_apart_and_can_be_brought_back(shop: Client) -> None:
    made = shop.post("/segments/create", json={"name": "Lookers", "rule": LOOKERS}).json()
    assert shop.post(f"/segments/{made['id']}/archive").json()["archived"] is True
    assert made["id"] not in [s["id"] for s in shop.get("/segments").json()["segments"]]
    away = shop.get("/segments", params={"archived": True}).json()["segments"]
    assert [s["id"] for s in away] == [made["id"]]
    shop.post("/segments/create", json={"name": "lookers", "rule": LOOKERS})
    problem(shop.post(f"/segments/{made['id']}/restore"), 409, "segment_name_taken")
    answer = shop.post(f"/segments/{made['id']}/restore", json={"name": "Old lookers"})
    assert answer.status_code == 200, answer.text
    back = answer.json()
    assert (back["name"], back["archived"], back["size"]["size"]) == ("Old lookers", False, 4)
    assert back["size"]["entered"] == 0


def test_a_segment_that_an_automation_waits_for_is_not_archived(shop: Client) -> None:
    made = shop.post("/segments/create", json={"name": "Lookers", "rule": LOOKERS}).json()
    definition = {
        "trigger": {"kind": "segment", "segment_id": made["id"]},
        "steps": [
            {
                "kind": "send",
                "id": "s",
                "channel": "sms",
                "content": {"channel": "sms", "body": "Hi."},
            }
        ],
    }
    answer = shop.post("/automations", json={"name": "Welcome", "definition": definition})
    assert answer.status_code == 201, answer.text
    refused = problem(shop.post(f"/segments/{made['id']}/archive"), 409, "segment_in_use")
    assert "the automation “Welcome”" in refused["detail"]
