from __future__ import annotations

from typing import Any

import pytest
from api_client import Client, each, problem

from segmind import clock
from segmind.campaigns.tend import finish_done, start_due
from segmind.db.engine import Store
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.workspace import product_settings

SALE = {
    "name": "Spring sale",
    "channel": "email",
    "segment": "window_shoppers",
    "content": {
        "subject": "20 % off, {{ first_name }}",
        "body": "<p>Come and see.</p><p><a href='{{ unsubscribe_url }}'>Stop</a></p>",
    },
    "holdout_percent": 0,
}


@pytest.fixture
def ready(shop: Client, store: Store) -> Client:
    """The shop, with all that an e-mail campaign needs."""
    with store.engine.begin() as conn:
        changes = {"postal_address": "1 Test Street", "email_from": "shop@example.com"}
        product_settings.save(conn, changes, "test", clock.wall())
    return shop


def _run(store: Store) -> None:
    start_due(store, clock.now())
    Dispatcher(store, open_registry(store)).run_until_idle()
    finish_done(store, clock.now())


def test_a_broadcast_reaches_the_segment_and_is_reported(ready: Client, store: Store) -> None:
    answer = ready.post("/campaigns/broadcast", json=SALE)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["created"], made["status"]) == (True, "scheduled")
    _run(store)
    found = ready.get(f"/campaigns/{made['id']}").json()
    assert found["audience_size"] == 4
    assert found["progress"]["states"] == {"accepted": 4}
    assert found["figures"]["accepted"] == 4
    assert found["waterfall"]
    assert len(ready.get("/messages", params={"source": "campaign"}).json()["messages"]) == 4
    assert ready.get("/campaigns").json()["campaigns"][0]["id"] == made["id"]


def test_the_same_key_starts_one_campaign(ready: Client) -> None:
    headers = {"Idempotency-Key": "spring"}
    first = ready.post("/campaigns/broadcast", json=SALE, headers=headers)
    again = ready.post("/campaigns/broadcast", json=SALE, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = {**SALE, "name": "Summer sale"}
    refused = ready.post("/campaigns/broadcast", json=other, headers=headers)
    problem(refused, 409, "idempotency_key_reused")
    assert len(ready.get("/campaigns").json()["campaigns"]) == 1


def test_a_draft_is_reviewed_and_not_sent(ready: Client, store: Store) -> None:
    made = ready.post("/campaigns/broadcast", json={**SALE, "draft": True}).json()
    assert made["status"] == "draft"
    found = ready.get(f"/campaigns/{made['id']}/review").json()
    assert found["launchable"], found
    assert found["recipients"] == 4
    assert found["cost_micros"] is not None
    _run(store)
    assert ready.get("/messages").json()["messages"] == []


def test_a_campaign_is_paused_resumed_and_cancelled(ready: Client, store: Store) -> None:
    made = ready.post("/campaigns/broadcast", json=SALE).json()["id"]
    start_due(store, clock.now())
    assert ready.post(f"/campaigns/{made}/pause").json()["status"] == "paused"
    assert ready.post(f"/campaigns/{made}/resume").json()["status"] == "sending"
    assert ready.post(f"/campaigns/{made}/cancel").json()["status"] == "cancelled"
    problem(ready.post(f"/campaigns/{made}/resume"), 409, "illegal_move")
    _run(store)
    found = ready.get(f"/campaigns/{made}").json()
    assert found["figures"]["accepted"] == 0


def test_a_campaign_waits_for_its_time(ready: Client, store: Store) -> None:
    later = {**SALE, "scheduled_at": "2026-03-03T09:00:00+01:00"}
    made = ready.post("/campaigns/broadcast", json=later).json()
    assert made["scheduled_at"] == "2026-03-03T08:00:00Z"
    _run(store)
    assert ready.get(f"/campaigns/{made['id']}").json()["status"] == "scheduled"


@each(
    "changes, field",
    [
        ({"name": " "}, "name"),
        ({"segment": None}, "segment_id"),
        ({"segment_id": 1}, "segment_id"),
        ({"segment": None, "segment_id": 999_999}, "segment_id"),
        ({"exclude_segment_ids": [999_999]}, "exclude_segment_ids"),
        ({"exclude_segment_ids": ["x"]}, "exclude_segment_ids[0]"),
        ({"channel": "fax"}, "channel"),
        ({"content": None}, "content"),
        ({"content": {"nonsense": 1}}, "nonsense"),
        ({"holdout_percent": 51}, "holdout_percent"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"scheduled_at": "2030-01-01T00:00:00Z"}, "scheduled_at"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "scheduled_at"),
        ({"scheduled_at": "soon"}, "scheduled_at"),
    ],
)
def test_a_wrong_broadcast_is_refused_and_nothing_is_made(
    ready: Client, changes: dict[str, Any], field: str
) -> None:
    answer = ready.post("/campaigns/broadcast", json={**SALE, **changes})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert ready.get("/campaigns").json()["campaigns"] == []


def test_what_cannot_be_launched_is_refused_with_the_reason(shop: Client) -> None:
    broken = {**SALE, "content": {"subject": "{% if %}", "body": "x"}}
    answer = shop.post("/campaigns/broadcast", json=broken)
    assert answer.status_code in {409, 422}
    assert answer.json()["detail"]
    assert shop.get("/campaigns").json()["campaigns"] == []


def test_unknown_campaigns_and_segments_are_not_found(ready: Client) -> None:
    for path in ("", "/review"):
        problem(ready.get(f"/campaigns/999999{path}"), 404, "unknown_campaign")
    for act in ("pause", "resume", "cancel"):
        problem(ready.post(f"/campaigns/999999/{act}"), 404, "unknown_campaign")
    unknown = {**SALE, "segment": "never_heard_of"}
    problem(ready.post("/campaigns/broadcast", json=unknown), 404, "not_found")
    problem(ready.get("/campaigns", params={"status": "happy"}), 422, "invalid_input")


def test_what_a_campaign_caused_is_measured_against_its_holdout(
    ready: Client, store: Store
) -> None:
    later = {**SALE, "holdout_percent": 50, "scheduled_at": "2026-03-03T09:00:00Z"}
    waiting = ready.post("/campaigns/broadcast", json=later).json()
    problem(ready.get(f"/analytics/lift/campaigns/{waiting['id']}"), 409, "not_launched")
    problem(ready.get("/analytics/lift/campaigns/999"), 404, "unknown_campaign")
    made = ready.post("/campaigns/broadcast", json={**SALE, "holdout_percent": 50}).json()
    _run(store)
    found = ready.get(f"/analytics/lift/campaigns/{made['id']}", params={"days": 3}).json()
    sizes = [arm["customers"] for arm in found["arms"]] + [found["holdout"]["customers"]]
    assert sum(sizes) == 4
    assert found["is_over"] is False
    assert all(arm["revenue"]["reason"] for arm in found["arms"])  # nobody has ordered
    assert "3 x 24 h" in found["definition"]["window"]
