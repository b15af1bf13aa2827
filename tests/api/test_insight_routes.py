"""Groups, cohorts, predictions, lapsing and hours over HTTP."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from api_client import Client, each, problem

from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent

PATHS = ["rfm", "retention", "predictions", "lapse", "hours"]


def test_rfm_groups_are_counted_and_can_be_narrowed(shop: Client) -> None:
    found = shop.get("/analytics/rfm").json()
    assert found["customers"] == 2 == sum(each["customers"] for each in found["groups"])
    assert len(found["groups"]) == 11
    assert len(found["cells"]) == 25
    assert found["definition"]["zone"] == "UTC"
    assert sum(each["net_revenue"] for each in found["groups"]) == 4 * 3998
    rule = {"type": "trait", "field": "first_name", "op": "is", "value": "Person1"}
    one = shop.get("/analytics/rfm", params={"rule": json.dumps(rule)}).json()
    assert one["customers"] == 1
    listed = shop.get("/segments").json()["segments"]
    loyal = next(s["id"] for s in listed if s["key"] == "loyal_customers")
    assert shop.get("/analytics/rfm", params={"segment_id": loyal}).json()["customers"] == 2
    assert shop.get("/analytics/rfm", params={"segment_id": 10**9}).status_code == 404
    problem(shop.get("/analytics/rfm", params={"rule": '{"type": "rmf"}'}), 422, "invalid_rule")


def test_retention_is_answered_by_week_and_month(shop: Client, frozen_clock: datetime) -> None:
    found = shop.get("/analytics/retention", params={"days": 30, "compare": True}).json()
    # Both ordered on Friday and on Sunday of one week.
    assert [cohort["customers"] for cohort in found["cohorts"]] == [2]
    assert [(cell["offset"], cell["customers"]) for cell in found["cells"]] == [(0, 2), (1, 0)]
    assert [cell["is_complete"] for cell in found["cells"]] == [True, False]
    assert found["before"] == []
    months = shop.get("/analytics/retention", params={"group_by": "month"}).json()
    assert [cohort["cohort"] for cohort in months["cohorts"]] == ["2026-02-01"]
    assert [(cell["offset"], cell["customers"]) for cell in months["cells"]] == [(0, 2), (1, 2)]


def test_what_cannot_be_told_says_why(shop: Client) -> None:
    found = shop.get("/analytics/predictions", params={"check": True}).json()
    assert "there are 2" in found["reason"]
    assert found["check"] is None
    assert found["orders"] is None
    found = shop.get("/analytics/lapse").json()
    assert "there are fewer" in found["reason"]
    assert found["thresholds"] == []


def test_hours_are_told_by_orders_where_nobody_clicked(shop: Client) -> None:
    found = shop.get("/analytics/hours").json()
    assert found["acts"] == "orders"
    everybody = [hour for hour in found["hours"] if hour["group"] == "Everybody"]
    assert len(everybody) == 24
    assert sum(hour["acts"] for hour in everybody) == 4
    assert set(found["best"].values()) == {None}


@each(
    "path, params",
    [
        ("retention", {"days": "0"}),
        ("retention", {"group_by": "decade"}),
        ("retention", {"days": "1000"}),
        ("retention", {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}),
        ("retention", {"since": "2199-01-01T00:00:00Z"}),
        ("retention", {"as_of": "2199-01-01T00:00:00Z"}),
        ("rfm", {"as_of": "9999-12-31T23:59:59Z"}),
        ("rfm", {"as_of": "yesterday"}),
        ("rfm", {"compared_with": "2026-03-02T12:00:00Z"}),
        ("rfm", {"window_days": "0"}),
        ("rfm", {"segment_id": "-1"}),
        ("predictions", {"days": "731"}),
        ("predictions", {"as_of": "2199-01-01T00:00:00Z"}),
        ("lapse", {"as_of": "2199-01-01T00:00:00Z"}),
        ("hours", {"acts": "yawns"}),
        ("hours", {"days": "0"}),
    ],
)
def test_wrong_questions_are_refused(shop: Client, path: str, params: dict[str, str]) -> None:
    answer = shop.get(f"/analytics/{path}", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"]


@each("path", PATHS)
def test_an_empty_workspace_is_answered(client: Client, path: str) -> None:
    answer = client.get(f"/analytics/{path}")
    assert answer.status_code == 200, answer.text
    assert "NaN" not in answer.text


def test_amounts_of_several_currencies_are_refused(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    order = NewEvent(
        None, "order_completed", frozen_clock - timedelta(days=40), 1, value=5, currency="EUR"
    )
    with store.engine.begin() as conn:
        ingest.append(conn, [order], frozen_clock)
    problem(shop.get("/analytics/rfm"), 422, "mixed_currencies")
    assert shop.get("/analytics/rfm", params={"window_days": 30}).status_code == 200
    # Of the period itself all is in dollars; of the one before it is not.
    assert shop.get("/analytics/revenue").status_code == 200
    problem(shop.get("/analytics/revenue", params={"compare": True}), 422, "mixed_currencies")
