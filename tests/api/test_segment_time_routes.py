from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest
from api_client import Client, customer_id, problem
from fastapi import FastAPI

from segmind import clock
from segmind.api import backend

LATELY = {
    "type": "all",
    "conditions": [
        {"type": "recency", "event": "product_viewed", "op": "within", "ago": {"amount": 3}},
        {"type": "did", "event": "order", "op": "exactly", "n": 0},
    ],
}
EVERYBODY = {"type": "all", "conditions": []}


@pytest.fixture
def lately(shop: Client) -> int:
    """The segment of those who looked in the last three days and never ordered: 3 to 8."""
    made = shop.post("/segments/create", json={"name": "Lately", "rule": LATELY}).json()
    assert made["size"]["size"] == 6
    return int(made["id"])


def later(shop: Client, days: float) -> dict[str, str]:
    return {"until": (clock.now() + timedelta(days=days)).isoformat()}


def test_days_are_filled_listed_and_read(shop: Client, lately: int) -> None:
    before = shop.get(f"/segments/{lately}/days").json()
    assert [each["origin"] for each in before["days"]] == ["refresh"]
    assert before["missing"] == ["2026-03-01", "2026-02-28"]
    done = shop.post("/segments/days/fill", json={"segment_ids": [lately], "most_days": 1}).json()
    assert (done["days"], done["left"], done["failed"]) == (1, 1, {})
    shop.post("/segments/days/fill", json={})
    after = shop.get(f"/segments/{lately}/days", params={"until": "2026-03-01"}).json()
    assert [(d["day"], d["size"], d["origin"]) for d in after["days"]] == [
        ("2026-02-28", 0, "filled"),
        ("2026-03-01", 6, "filled"),
    ]
    page = shop.get(f"/segments/{lately}/days/2026-03-01", params={"limit": 4}).json()
    rest = shop.get(f"/segments/{lately}/days/2026-03-01", params={"after": page["next"]}).json()
    assert page["total"] == rest["total"] == 6
    assert page["customer_ids"] + rest["customer_ids"] == [
        customer_id(shop, n) for n in range(3, 9)
    ]
    problem(shop.get(f"/segments/{lately}/days/2026-01-01"), 404, "day_not_kept")


def test_movements_name_the_condition_that_turned(shop: Client, lately: int) -> None:
    found = shop.get(f"/segments/{lately}/movements", params=later(shop, 2)).json()
    assert (found["entered"], found["left"], found["stayed"]) == (0, 0, 0)
    span = {"since": clock.now().isoformat(), **later(shop, 2)}
    found = shop.get(f"/segments/{lately}/movements", params=span).json()
    assert (found["entered"], found["left"], found["stayed"]) == (0, 6, 0)
    assert found["left_ids"] == [customer_id(shop, n) for n in range(3, 9)]
    recency, orders = found["causes"]
    assert recency["sentence"] == "Last viewed a product within the last 3 days"
    assert (recency["left"], recency["alone_left"], recency["by_time_left"]) == (6, 6, 6)
    assert (orders["left"], orders["by_time_left"]) == (0, 0)
    wrong = {"since": clock.now().isoformat(), **later(shop, -2)}
    problem(shop.get(f"/segments/{lately}/movements", params=wrong), 422, "invalid_input")


def test_a_migration_matrix_adds_up(shop: Client, lately: int) -> None:
    everybody = shop.post("/segments/create", json={"name": "All", "rule": EVERYBODY}).json()["id"]
    params = [("segment_id", lately), ("segment_id", everybody)]
    span = {"since": clock.now().isoformat(), **later(shop, 2)}
    found = shop.get("/segments/migration", params=[*params, *span.items()]).json()
    assert [g["name"] for g in found["groups"]] == ["Lately", "All", "In none"]
    assert found["counts"] == [[0, 6, 0], [0, 2, 0], [0, 0, 0]]
    assert [g["before"] for g in found["groups"]] == [6, 2, 0]
    assert [g["after"] for g in found["groups"]] == [0, 8, 0]
    assert (found["moved"], found["stayed"], found["customers"]) == (6, 2, 8)
    problem(shop.get("/segments/migration", params={"segment_id": 999}), 404, "not_found")


def test_a_migration_between_rfm_groups_counts_every_customer_once(shop: Client) -> None:
    span = {"since": (clock.now() - timedelta(days=2)).isoformat()}
    found = shop.get("/segments/migration", params={"groups": "rfm", **span}).json()
    names = [g["name"] for g in found["groups"]]
    assert names[0] == "Champions"
    assert names[-1] == "In none"
    assert sum(map(sum, found["counts"])) == found["customers"] == 8
    assert found["groups"][-1]["after"] == 6


def test_overlaps_count_the_customers_in_both(shop: Client, lately: int) -> None:
    everybody = shop.post("/segments/create", json={"name": "All", "rule": EVERYBODY}).json()["id"]
    params = [("segment_id", lately), ("segment_id", everybody)]
    found = shop.get("/segments/overlap", params=params).json()
    assert found["counts"] == [[6, 6], [6, 8]]
    assert found["shares"] == [[1.0, 1.0], [0.75, 1.0]]
    assert (found["only"], found["anybody"]) == ([0, 2], 8)
    old = [*params, ("as_of", "2026-01-01T00:00:00Z")]
    found = shop.get("/segments/overlap", params=old).json()
    assert found["counts"] == [[0, 0], [0, 0]]
    assert found["notice"].startswith("The log begins on")


def test_before_the_log_begins_everything_is_empty_and_says_so(shop: Client, lately: int) -> None:
    old = "2020-01-01T00:00:00Z"
    answer = shop.post("/segments/preview", json={"rule": EVERYBODY, "as_of": old}).json()
    assert (answer["count"], answer["sample"], answer["base"]) == (0, [], 8)
    assert answer["notice"].startswith("The log begins on 27 February 2026")
    assert shop.post("/segments/preview", json={"rule": EVERYBODY}).json()["notice"] == ""
    sizes = shop.get("/segments", params={"as_of": old}).json()["segments"]
    assert {s["size"]["size"] for s in sizes} == {0}
    assert shop.get(f"/segments/{lately}/customers", params={"as_of": old}).json()["total"] == 0


def test_one_customers_membership_comes_with_its_reasons_and_its_next_move(
    shop: Client, lately: int
) -> None:
    mara = customer_id(shop, 5)
    found = shop.get(f"/segments/{lately}/customers/{mara}").json()
    assert found["is_member"]
    assert [c["met"] for c in found["why"]["children"]] == [True, True]
    move = found["next_move"]
    assert (move["at"], move["enters"]) == ("2026-03-03T12:00:00.000001Z", False)
    assert [(t["path"], t["becomes"]) for t in move["turns"]] == [("all[0]", False)]
    every = shop.get(f"/customers/{mara}/segments", params={"next_move": True}).json()["segments"]
    mine = {s["name"]: s for s in every}["Lately"]
    assert mine["is_member"]
    assert mine["next_move"]["at"] == move["at"]
    plain = shop.get(f"/customers/{mara}/segments").json()["segments"]
    assert {s["next_move"] for s in plain} == {None}
    problem(shop.get(f"/segments/{lately}/customers/999"), 404, "customer_not_found")


def test_members_can_be_taken_along_as_a_file(shop: Client, lately: int) -> None:
    answer = shop.get(f"/segments/{lately}/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-total-count"] == "6"
    assert f"segment-{lately}-2026-03-02.csv" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["customer_id", "external_id"]
    assert [row[1] for row in rows[1:]] == [f"c-{n}" for n in range(3, 9)]
    options = {"format": "parquet", "personal_data": True}
    frame = pl.read_parquet(
        io.BytesIO(shop.get(f"/segments/{lately}/export", params=options).content)
    )
    assert frame["email"].to_list() == [f"person{n}@example.com" for n in range(3, 9)]
    problem(shop.get("/segments/999/export"), 404, "not_found")
    problem(shop.get(f"/segments/{lately}/export", params={"format": "xlsx"}), 422, "invalid_input")


def test_personal_data_needs_a_key_that_may_read_customers(
    api: FastAPI, shop: Client, lately: int, key: Callable[..., str]
) -> None:
    reader = Client(backend.build(api))
    reader.headers["authorization"] = f"Bearer {key('segments:read')}"
    assert reader.get(f"/segments/{lately}/export").status_code == 200
    for path in (
        f"/segments/{lately}/export?personal_data=true",
        f"/segments/{lately}/customers/1",
    ):
        problem(reader.get(path), 403, "missing_scope")
    problem(reader.post("/segments/days/fill", json={}), 403, "missing_scope")
