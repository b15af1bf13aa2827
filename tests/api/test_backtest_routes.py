"""Back-tests and simulations over HTTP: of kept and of unsaved definitions; bounded; refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_client import Client, each, problem
from sqlalchemy import text

from segmind import clock
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.workspace import product_settings

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
DEFINITION: dict[str, Any] = {
    "trigger": {"kind": "event", "event": "checkout_started"},
    "key": "event",
    "steps": [
        {"kind": "wait", "id": "hour", "seconds": 3600},
        {
            "kind": "condition",
            "id": "ask",
            "rule": {"type": "trait", "field": "country", "op": "is", "value": "DE"},
        },
        {"kind": "send", "id": "text", "channel": "sms", "content": SMS},
    ],
    "goal": {"event": "order_completed"},
}


@pytest.fixture
def shopper(store: Store) -> int:
    """A customer who began a checkout three hours ago."""
    now = clock.wall()
    with store.engine.begin() as conn:
        product_settings.save(
            conn,
            {"postal_address": "1 Test Street", "quiet_hours": {}, "place_hours": {}},
            "test",
            now,
        )
        who = conn.execute(
            text(
                "INSERT INTO customer (first_name, phone, sms_consent, country)"
                " VALUES ('Ada', '+491701234567', 1, 'DE') RETURNING id"
            )
        ).scalar_one()
        at = now - timedelta(hours=3)
        event = NewEvent(event_id="c-1", name="checkout_started", ts=at, customer_id=who)
        ingest.append(conn, [event], at)
    return int(who)


def test_an_unsaved_definition_is_replayed_beside_another_one(client: Client, shopper: int) -> None:
    del shopper
    other = {**DEFINITION, "steps": [DEFINITION["steps"][2]]}
    body = {"definition": DEFINITION, "against": other}
    answer = client.post("/automations/backtest", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["entered"], found["sent"], found["cost_micros"]) == (1, 1, 7_900)
    assert [step["step"] for step in found["against"]["steps"]] == ["text"]
    assert sum(day["sent"] for day in found["days"]) == 1
    assert found["notes"]
    assert client.get("/automations").json()["automations"] == []


def test_versions_of_an_automation_are_replayed_side_by_side(client: Client, shopper: int) -> None:
    del shopper
    made = client.post("/automations", json={"name": "Checkout", "definition": DEFINITION}).json()
    path = f"/automations/{made['id']}"
    longer = {**DEFINITION, "steps": [{**DEFINITION["steps"][0], "seconds": 14_400}]}
    longer["steps"].append(DEFINITION["steps"][2])
    client.patch(path, json={"definition": longer})
    found = client.post(f"{path}/backtest", json={"against": 1}).json()
    assert (found["sent"], found["waiting"], found["against"]["sent"]) == (0, 1, 1)
    problem(client.post(f"{path}/backtest", json={"version": 9}), 404, "unknown_automation")


@each(
    "change, code, field",
    [
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "invalid_period",
         "until"),
        ({"since": "2026-01-01"}, "invalid_input", "since"),
        ({"max_seconds": 1e-9}, "too_costly", "max_seconds"),
        ({"definition": {**DEFINITION, "steps": []}}, "invalid_automation", "steps"),
        ({"definition": {**DEFINITION, "trigger": {"event": "never_seen"}}},
         "invalid_automation", "trigger.event"),
    ],
)  # fmt: skip
def test_what_cannot_be_replayed_is_refused_with_its_field(
    client: Client, shopper: int, change: dict[str, Any], code: str, field: str
) -> None:
    del shopper
    answer = client.post("/automations/backtest", json={"definition": DEFINITION, **change})
    assert problem(answer, 422, code)["errors"][0]["field"] == field


def test_what_it_costs_is_told_before(client: Client, shopper: int) -> None:
    del shopper
    found = client.post("/automations/backtest/cost", json={"definition": DEFINITION}).json()
    assert (found["events"], found["sentence"][:5]) == (1, "Reads")


def test_one_customers_way_is_told_with_its_reasons(client: Client, shopper: int) -> None:
    start = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    body = {"customer_id": shopper, "start": start, "definition": DEFINITION}
    answer = client.post("/automations/simulate", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    told = [(each["step"], each["outcome"]) for each in found["happened"]]
    assert told == [("hour", "passed"), ("ask", "yes"), ("text", "sent"), ("text", "exited")]
    assert found["happened"][1]["why"]["detail"] == "is “DE”"
    (letter,) = found["letters"]
    assert (letter["text"], letter["blocked"]) == ("Hello. Reply STOP to opt out.", "")
    assert letter["leaves_at"] == letter["at"]
    missing = {"customer_id": 987_654, "definition": DEFINITION}
    problem(client.post("/automations/simulate", json=missing), 404, "not_found")
