"""A rule's cost over HTTP: said before it runs, limited, and stopped when nobody waits."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest
from api_client import Client, problem

from segmind import stopping
from segmind.api import segment_preview
from segmind.stopping import Stopped

LOOKERS = {"type": "did", "event": "product_viewed", "n": 10}
LOOKERS_AT_DEAR = {**LOOKERS, "where": [{"field": "value", "op": "at_least", "value": 1}]}


def test_what_a_rule_costs_can_be_asked_first(shop: Client) -> None:
    free = shop.post("/segments/cost", json={"rule": LOOKERS}).json()
    assert free["events"] == 0
    assert free["seconds"] == 0
    dear = shop.post("/segments/cost", json={"rule": LOOKERS_AT_DEAR}).json()
    assert dear["events"] > 0
    assert dear["seconds"] > 0
    assert "events" in dear["sentence"]


def test_an_answer_says_what_it_cost(shop: Client) -> None:
    answer = shop.post("/segments/preview", json={"rule": LOOKERS, "max_seconds": 30}).json()
    assert answer["cost"]["events"] == 0
    assert answer["count"] == 4


def test_a_rule_that_would_take_longer_is_refused_with_the_estimate(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError("It must not run.")

    monkeypatch.setattr(segment_preview, "preview", asked)
    body = {"rule": LOOKERS_AT_DEAR, "max_seconds": 1e-9}
    found = problem(shop.post("/segments/preview", json=body), 422, "too_costly")
    assert found["errors"][0]["field"] == "max_seconds"
    assert found["cost"]["events"] > 0
    assert found["cost"]["seconds"] >= 0


@pytest.mark.parametrize("seconds", [0, -1, 601, "long"])
def test_a_limit_that_is_none_is_refused(shop: Client, seconds: Any) -> None:
    body = {"rule": LOOKERS, "max_seconds": seconds}
    found = problem(shop.post("/segments/preview", json=body), 422, "invalid_input")
    assert found["errors"][0]["field"] == "max_seconds"


class Endless:
    """A preview that never ends by itself."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def __call__(self, *_: Any) -> None:
        self.began.set()
        try:
            while True:
                stopping.check()
                time.sleep(0.005)
        except Stopped:
            self.ended.set()
            raise


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    made = Endless()
    monkeypatch.setattr(segment_preview, "preview", made)
    return made


def test_a_question_that_takes_too_long_is_stopped_and_says_so(
    shop: Client, endless: Endless
) -> None:
    body = {"rule": LOOKERS, "max_seconds": 0.3}
    problem(shop.post("/segments/preview", json=body), 422, "out_of_time")
    assert endless.ended.is_set()


def test_a_question_stops_when_the_client_goes_away(shop: Client, endless: Endless) -> None:
    body = json.dumps({"rule": LOOKERS}).encode()
    asyncio.run(_leave_after_asking(shop, body, endless))
    assert endless.ended.wait(5)


async def _leave_after_asking(client: Client, body: bytes, endless: Endless) -> None:
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        while not endless.began.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        pass

    headers = [(b"host", b"localhost:8631"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/segments/preview", "raw_path": b"/segments/preview", "root_path": "",
        "scheme": "http", "query_string": b"", "headers": headers,
        "client": (client.address, 50_000), "server": ("localhost", 8631),
    }  # fmt: skip
    headers += [(k.lower().encode(), v.encode()) for k, v in client.headers.items()]
    await asyncio.wait_for(client.app(scope, receive, send), timeout=20)


def test_an_unknown_property_is_refused_by_its_path(shop: Client) -> None:
    where = [{"field": "properties.sise", "op": "is", "value": "XL"}]
    body: dict[str, Any] = {"rule": {"type": "all", "conditions": [{**LOOKERS, "where": where}]}}
    for path, more in (("/segments/preview", {}), ("/segments/create", {"name": "x"})):
        found = problem(shop.post(path, json={**body, **more}), 422, "invalid_rule")
        assert found["errors"][0]["field"] == "rule.all[0].where[0].field"
