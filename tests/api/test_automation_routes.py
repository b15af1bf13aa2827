from __future__ import annotations

from typing import Any

import pytest
from api_client import Client, each, problem

from segmind import clock
from segmind.db.engine import Store
from segmind.workspace import product_settings


@pytest.fixture
def client(client: Client, store: Store) -> Client:
    """The client, in a workspace that may send e-mails."""
    with store.engine.begin() as conn:
        product_settings.save(conn, {"postal_address": "1 Test Street"}, "test", clock.wall())
    return client


def test_cart_recovery_is_created_live_with_its_steps(client: Client) -> None:
    body = {"wait_minutes": 60, "channels": ["email", "sms"], "idempotency_key": "cart-1"}
    answer = client.post("/automations/cart-recovery", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["created"]) == ("live", True)
    again = client.post("/automations/cart-recovery", json=body)
    assert (again.status_code, again.json()["created"]) == (200, False)
    other = client.post("/automations/cart-recovery", json={**body, "wait_minutes": 30})
    problem(other, 409, "idempotency_key_reused")
    found = client.get(f"/automations/{made['id']}").json()
    assert found["definition"]["recipe"] == "cart_recovery"
    assert found["steps"][0]["step"] == "wait_email"
    assert found["totals"]["entered"] == 0
    assert len(client.get("/automations").json()["automations"]) == 1


def test_an_automation_is_paused_started_and_stopped_for_good(client: Client) -> None:
    made = client.post("/automations/cart-recovery", json={"start": False}).json()
    assert made["state"] == "draft"
    path = f"/automations/{made['id']}"
    assert client.post(f"{path}/start").json()["state"] == "live"
    assert client.post(f"{path}/pause").json()["state"] == "paused"
    assert client.post(f"{path}/start").json()["state"] == "live"
    assert client.post(f"{path}/stop").json()["state"] == "stopped"
    problem(client.post(f"{path}/start"), 409, "illegal_move")
    assert client.get("/automations", params={"state": "stopped"}).json()["automations"]


@each(
    "body, field",
    [
        ({"wait_minutes": 0}, "wait_minutes"),
        ({"wait_minutes": "long"}, "wait_minutes"),
        ({"channels": []}, "channels"),
        ({"channels": ["email", "email"]}, "channels"),
        ({"channels": ["pigeon"]}, "channels[0]"),
        ({"contents": {"email": {"nonsense": 1}}}, "nonsense"),
        ({"cooldown_hours": -1}, "cooldown_hours"),
        ({"name": ""}, "name"),
        ({"speed": 9}, "speed"),
    ],
)
def test_a_wrong_recovery_is_refused(client: Client, body: dict[str, Any], field: str) -> None:
    answer = client.post("/automations/cart-recovery", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert client.get("/automations").json()["automations"] == []


def test_an_unknown_automation_is_not_found(client: Client) -> None:
    problem(client.get("/automations/999999"), 404, "unknown_automation")
    for act in ("start", "pause", "stop"):
        problem(client.post(f"/automations/999999/{act}"), 404, "unknown_automation")


def test_what_it_lacks_to_be_sent_is_named(client: Client, store: Store) -> None:
    with store.engine.begin() as conn:
        product_settings.save(conn, {"postal_address": ""}, "test", clock.wall())
    answer = client.post("/automations/cart-recovery", json={})
    assert "postal address" in problem(answer, 422, "invalid_automation")["detail"]


SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
SEND = {"kind": "send", "id": "text", "channel": "sms", "content": SMS}
WAIT = {"kind": "wait", "id": "wait", "seconds": 60}
DEFINITION = {
    "trigger": {"kind": "event", "event": "order"},
    "key": "order",
    "steps": [WAIT, SEND],
}


def test_any_definition_is_created_changed_and_its_versions_kept(client: Client) -> None:
    answer = client.post("/automations", json={"name": "Thanks", "definition": DEFINITION})
    assert answer.status_code == 201, answer.text
    path = f"/automations/{answer.json()['id']}"
    assert answer.json()["state"] == "draft"
    shorter = {**DEFINITION, "steps": [{**WAIT, "id": "soon"}, SEND]}
    changed = client.patch(path, json={"definition": shorter, "name": "Thank you"})
    assert (changed.json()["version"], changed.json()["name"]) == (2, "Thank you")
    found = client.get(path).json()
    assert found["said"][0] == "When a customer placed an order, once for each order."
    assert [each["version"] for each in client.get(f"{path}/versions").json()["versions"]] == [2, 1]
    assert client.get(f"{path}/people").json() == {"places": []}
    assert client.post(f"{path}/people/move", json={}).json() == {"moved": 0}
    assert client.get(f"{path}/runs").json() == {"runs": [], "next_before": None}
    problem(client.get(f"{path}/runs/7"), 404, "unknown_run")


def test_nobody_overwrites_a_version_or_a_name_that_they_have_not_seen(client: Client) -> None:
    made = client.post("/automations", json={"name": "Thanks", "definition": DEFINITION}).json()
    path = f"/automations/{made['id']}"
    mine, theirs = ({**DEFINITION, "steps": [{**WAIT, "seconds": n}, SEND]} for n in (61, 62))
    seen = {"seen_version": 1, "seen_name": "Thanks"}
    saved = client.patch(path, json={"definition": theirs, "name": "Thank you", **seen})
    assert saved.json()["version"] == 2
    refused = problem(
        client.patch(path, json={"definition": mine, **seen}), 409, "automation_changed"
    )
    assert (refused["version"], refused["errors"][0]["field"]) == (2, "seen_version")
    problem(client.patch(path, json={"name": "Merci", **seen}), 409, "automation_renamed")
    report = client.get(path).json()
    assert (report["name"], report["version"]) == ("Thank you", 2)
    assert report["definition"]["steps"][0]["seconds"] == 62
    assert client.patch(path, json={"definition": mine, "seen_version": 2}).json()["version"] == 3


@each(
    "steps, field",
    [
        ([{**WAIT, "seconds": 0}, SEND], "steps[wait].seconds"),
        ([{**WAIT, "next": "wait"}, SEND], "steps[wait]"),
        ([WAIT, {**SEND, "content": None, "template_version_id": 99}], "steps[text].content"),
        ([WAIT, {"kind": "webhook", "id": "h", "url": "https://127.0.0.1/x"}], "steps[h].url"),
        ([WAIT, {**SEND, "next": "gone"}], "steps[text].next"),
    ],
)
def test_what_is_wrong_is_named_by_its_step(
    client: Client, steps: list[dict[str, Any]], field: str
) -> None:
    body = {"name": "X", "definition": {**DEFINITION, "steps": steps}}
    answer = client.post("/automations", json=body)
    assert problem(answer, 422, "invalid_automation")["errors"][0]["field"] == field
    assert client.get("/automations").json()["automations"] == []


def test_all_that_is_wrong_is_told_at_once_when_asked(client: Client) -> None:
    broken = {
        **DEFINITION,
        "trigger": {"kind": "event", "event": "never_seen"},
        "steps": [{**WAIT, "next": "wait"}, SEND],
    }
    checked = client.post("/automations/check", json={"definition": broken}).json()
    fields = {found["field"] for found in checked["problems"]}
    assert {"trigger.event", "steps[wait]"} <= fields


def test_every_recipe_is_set_up_by_one_call(client: Client) -> None:
    known = client.get("/automations/recipes").json()["recipes"]
    assert len(known) == 9
    for recipe in known:
        answer = client.post(f"/automations/recipes/{recipe['key']}", json={"start": True})
        assert answer.status_code == 201, answer.text
        assert answer.json()["state"] == "live"
    problem(client.post("/automations/recipes/none", json={}), 404, "unknown_recipe")
