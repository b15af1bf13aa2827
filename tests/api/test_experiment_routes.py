from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from api_client import Client, customer_id, each, problem
from sqlalchemy import text

from segmind import clock
from segmind.automations import engine
from segmind.automations.recipes import cart_recovery
from segmind.campaigns.deciding import decide_due
from segmind.campaigns.tend import start_due
from segmind.consent.reasons import Reason
from segmind.db.engine import Store
from segmind.experiments.holdouts import GLOBAL_SALT, in_holdout
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.workspace import product_settings

SALE = {
    "name": "Spring sale",
    "channel": "email",
    "segment": "window_shoppers",
    "content": {"subject": "20 % off", "body": "<p>Come. {{ unsubscribe_url }}</p>"},
    "holdout_percent": 0,
    "variant_test": {
        "variants": [{"content": {"subject": "Now", "body": "<p>Come. {{ unsubscribe_url }}</p>"}}],
        "share_percent": 100,
        "hours": 2,
    },
}


@pytest.fixture
def ready(shop: Client, store: Store) -> Client:
    with store.engine.begin() as conn:
        changes = {"postal_address": "1 Test Street", "email_from": "shop@example.com"}
        product_settings.save(conn, changes, "test", clock.wall())
    return shop


def test_a_test_of_variants_is_planned_followed_and_decided(
    ready: Client, store: Store, frozen_clock: datetime
) -> None:
    answer = ready.post("/campaigns/broadcast", json=SALE)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["variant_test"]["variants"][0]["content"]["subject"] == "Now"
    path = f"/campaigns/{made['id']}"
    problem(ready.get(f"{path}/variants"), 409, "not_launched")
    review = ready.get(f"{path}/review").json()
    assert review["sizing"]["test"]["metric"] == "clicks"
    assert review["sizing"]["holdout"]["held"] == 0
    start_due(store, clock.now())
    found = ready.get(f"{path}/variants").json()
    assert [v["name"] for v in found["variants"]] == ["A", "B"]
    assert sum(v["customers"] for v in found["variants"]) == 4
    assert (found["is_over"], found["proved"], found["winner"]) == (False, None, None)
    problem(ready.post(f"{path}/winner", json={"variant": "Z"}), 422, "invalid_campaign")
    decide_due(store, frozen_clock + timedelta(hours=2))
    found = ready.get(f"{path}/variants").json()
    assert (found["is_over"], found["winner"], found["decided_by"]) == (
        True, found["leader"], "scheduler",
    )  # fmt: skip
    other = "B" if found["winner"] == "A" else "A"
    problem(ready.post(f"{path}/winner", json={"variant": other}), 409, "decided_already")
    assert ready.post(f"{path}/winner", json={"variant": found["winner"]}).status_code == 200
    lift = ready.get(f"/analytics/lift/campaigns/{made['id']}", params={"by_variant": "true"})
    assert {arm["name"] for arm in lift.json()["arms"]} == {"A", "B"}
    assert any("no holdout" in arm["revenue"]["reason"] for arm in lift.json()["arms"])


@each(
    "plan, field",
    [
        ({"variants": []}, "variant_test.variants"),
        ({"variants": [{"content": {"colour": 1}}]}, "variant_test.variants.0.content"),
        ({"variants": [{}], "hours": 1e9}, "variant_test.hours"),
        ({"variants": [{}], "share_percent": "many"}, "variant_test.share_percent"),
    ],
)
def test_a_wrong_plan_is_refused_by_its_path(
    ready: Client, plan: dict[str, object], field: str
) -> None:
    answer = ready.post("/campaigns/broadcast", json={**SALE, "variant_test": plan})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_who_is_in_the_global_holdout_gets_no_marketing_and_is_counted(
    ready: Client, store: Store, frozen_clock: datetime
) -> None:
    problem(ready.get("/analytics/lift/global"), 409, "no_global_holdout")
    with store.engine.begin() as conn:
        changes = {"global_holdout_percent": 20}
        product_settings.save(conn, changes, "test", frozen_clock - timedelta(days=9))
        conn.execute(
            text(
                "INSERT INTO customer (first_name, email, email_consent)"
                " SELECT 'Ada', 'more' || i || '@example.com', 1 FROM generate_series(1, 40) i"
            )
        )
        ids = conn.execute(text("SELECT id FROM customer ORDER BY id")).scalars().all()
    held = {number for number in ids if in_holdout(number, GLOBAL_SALT, 20)}
    body = {"name": "Everybody", "rule": {"type": "all", "conditions": []}}
    segment = ready.post("/segments/create", json=body).json()["id"]
    sale = {k: v for k, v in SALE.items() if k not in {"segment", "variant_test"}}
    made = ready.post("/campaigns/broadcast", json={**sale, "segment_id": segment}).json()
    start_due(store, clock.now())
    found = ready.get(f"/campaigns/{made['id']}").json()
    steps = {step["reason"]: step["removed"] for step in found["waterfall"]["steps"]}
    assert steps["global_holdout"] == len(held) > 0
    assert found["audience_size"] == len(ids) - len(held)
    lift = ready.get("/analytics/lift/global", params={"days": 30}).json()
    assert (lift["holdout"]["customers"], lift["is_over"]) == (len(held), False)
    assert lift["arms"][0]["customers"] == len(ids) - len(held)
    # A single marketing message stops at the gate, a transactional one does not.
    one = min(held)
    for purpose in ("marketing", "transactional"):
        message = {
            "channel": "email", "to": {"customer_id": one}, "purpose": purpose,
            "content": {"subject": "Hi", "body": "<p>Hello {{ unsubscribe_url }}</p>"},
        }  # fmt: skip
        answer = ready.post("/messages/send", json=message)
        assert answer.status_code in {201, 202}, answer.text
    Dispatcher(store, open_registry(store)).run_until_idle()
    with store.engine.connect() as conn:
        rows = dict(
            conn.execute(
                text("SELECT purpose, skip_reason FROM message WHERE source_kind = 3")
            ).all()
        )
    assert rows == {"marketing": Reason.GLOBAL_HOLDOUT.value, "transactional": None}


def test_the_lift_of_an_automation_is_that_of_its_split(
    ready: Client, store: Store, frozen_clock: datetime
) -> None:
    plain = ready.post("/automations/cart-recovery", json={"name": "Plain"}).json()
    problem(ready.get(f"/analytics/lift/automations/{plain['id']}"), 409, "no_holdout")
    definition = cart_recovery(wait_minutes=1, holdout_percent=50)
    assert definition.steps[2].kind == "split"
    body = {"wait_minutes": 1, "holdout_percent": 50, "name": "Measured"}
    with clock.frozen(frozen_clock - timedelta(minutes=1)):  # on before anything is added
        made = ready.post("/automations/cart-recovery", json=body)
    assert made.status_code == 201, made.text
    calls = [
        {
            "type": "track", "userId": f"c-{n}", "event": "Product Added",
            "timestamp": frozen_clock.isoformat(),
            "properties": {"product_id": "p-1", "price": 20.0, "quantity": 1},
        }
        for n in range(1, 9)
    ]  # fmt: skip
    assert ready.post("/v1/batch", json={"batch": calls}).json()["success"]
    engine.enter(store, frozen_clock + timedelta(seconds=30))
    later = frozen_clock + timedelta(minutes=5)
    engine.advance(store, later)
    with clock.frozen(frozen_clock + timedelta(days=8)):
        path = f"/analytics/lift/automations/{made.json()['id']}"
        found = ready.get(path).json()
        early = ready.get(path, params={"counting": 30}).json()
    salt = f"automation:{made.json()['id']}:holdout"
    held = {n for n in range(1, 9) if in_holdout(customer_id(ready, n), salt, 50)}
    assert found["holdout"]["customers"] == len(held)
    assert found["arms"][0]["customers"] == 8 - len(held)
    assert found["arms"][0]["name"] == "reminded"
    assert early["arms"][0]["customers"] == 0  # nobody's thirty days are over
    assert early["arms"][0]["revenue"]["reason"]
