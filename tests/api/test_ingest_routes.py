from __future__ import annotations

from api_client import Client, each
from sqlalchemy import func, select

from segmind.db.engine import Store
from segmind.events.tables import event_recent


def _rows(store: Store) -> int:
    with store.engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(event_recent)).scalar_one())


def test_a_tracked_event_is_in_the_log_when_the_call_answers(client: Client, store: Store) -> None:
    call = {"userId": "c-1", "event": "Product Viewed", "properties": {"product_id": "p-1"}}
    answer = client.post("/v1/track", json=call)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert _rows(store) == 1


def test_a_repeated_call_changes_nothing(client: Client, store: Store) -> None:
    call = {"userId": "c-1", "event": "Signed Up", "messageId": "m-1"}
    client.post("/v1/track", json=call)
    again = client.post("/v1/track", json=call).json()
    assert (again["accepted"], again["repeated"], again["success"]) == (0, 1, True)
    assert _rows(store) == 1


def test_identify_and_page_are_taken(client: Client, store: Store) -> None:
    who = {"userId": "c-1", "traits": {"firstName": "Ada", "email": "ada@example.com"}}
    assert client.post("/v1/identify", json=who).json()["success"]
    page = {"anonymousId": "b-1", "name": "Sale"}
    assert client.post("/v1/page", json=page).json()["accepted"] == 1
    assert _rows(store) == 1


def test_a_batch_takes_the_good_calls_and_names_what_is_wrong_with_the_others(
    client: Client, store: Store
) -> None:
    good = {"type": "track", "userId": "c-1", "event": "Signed Up"}
    calls = [
        good,
        {"type": "track", "event": "Nobody"},
        "nonsense",
        {**good, "timestamp": "not a time"},
        {**good, "type": "dance"},
        {**good, "messageId": "other"},
    ]
    answer = client.post("/v1/batch", json={"batch": calls})
    assert answer.status_code == 200
    body = answer.json()
    assert [r["status"] for r in body["results"]] == [
        "accepted",
        "rejected",
        "rejected",
        "rejected",
        "rejected",
        "accepted",
    ]
    assert (body["accepted"], body["rejected"], body["success"]) == (2, 4, False)
    assert all(r["reason"] for r in body["results"] if r["status"] == "rejected")
    assert body["results"][3]["field"] == "timestamp"
    assert _rows(store) == 2


@each(
    "path, body",
    [
        ("/v1/track", {"event": "x"}),
        ("/v1/track", {"userId": "c-1"}),
        ("/v1/track", {"userId": "c-1", "event": "x", "timestamp": "yesterday"}),
        ("/v1/track", {"userId": {"a": 1}, "event": "x"}),
        ("/v1/track", {"userId": "c-1", "event": "x", "properties": [1]}),
        ("/v1/identify", {"traits": {}}),
        ("/v1/page", {}),
        ("/v1/track", []),
        ("/v1/batch", {"batch": "x"}),
        ("/v1/batch", {}),
        ("/v1/batch", {"batch": [{}] * 5001}),
    ],
)
def test_a_bad_call_is_refused_with_the_field(client: Client, path: str, body: object) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    found = answer.json()
    assert found["code"] in {"invalid_call", "batch_too_long"}
    assert found["detail"]


def test_a_beacon_of_a_browser_says_text_and_is_read(client: Client, store: Store) -> None:
    text = '{"anonymousId": "b-1", "event": "Scrolled"}'
    answer = client.post("/v1/track", content=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200
    assert _rows(store) == 1
