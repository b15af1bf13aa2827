from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

import pytest
from api_client import Client, each, problem
from fastapi import FastAPI

from segmind import clock
from segmind.api import application, backend
from segmind.db.engine import DatabaseDown, Store
from segmind.workspace import members

CALL = {"userId": "c-1", "event": "Signed Up", "messageId": "m-1"}


def test_an_unknown_address_and_a_wrong_method_are_problems(client: Client) -> None:
    problem(client.get("/nothing/here"), 404, "not_found")
    answer = client.post("/health")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_the_api_stands_at_the_root_and_under_api(client: Client) -> None:
    assert client.get("/").json()["openapi"] == "/openapi.json"
    assert client.get("/api/").json()["openapi"] == "/api/openapi.json"
    assert client.get("/api/health").status_code == 200


def test_a_request_keeps_its_own_id_if_it_is_one(client: Client) -> None:
    own = client.get("/nothing", headers={"X-Request-Id": "my-request-1"})
    assert problem(own, 404, "not_found")["request_id"] == "my-request-1"
    odd = client.get("/nothing", headers={"X-Request-Id": "a b"})
    assert problem(odd, 404, "not_found")["request_id"] != "a b"


def test_the_openapi_document_describes_every_route_and_loads_nothing(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert {"/v1/track", "/v1/batch", "/health"} <= set(document["paths"])
    assert "HTTPBearer" in json.dumps(document["components"])
    assert client.get("/docs").status_code == 404


def test_a_new_workspace_is_open_only_to_its_own_machine(api: FastAPI, client: Client) -> None:
    assert client.post("/v1/track", json=CALL).status_code == 200
    remote = Client(backend.build(api), address="192.0.2.7")
    answer = remote.post("/v1/track", json=CALL)
    problem(answer, 401, "missing_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    rebound = Client(backend.build(api), host="rebound.example")
    problem(rebound.post("/v1/track", json=CALL), 401, "missing_key")


@each(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_cannot_use_an_open_workspace(
    client: Client, headers: dict[str, str]
) -> None:
    problem(client.post("/v1/track", json=CALL, headers=headers), 401, "missing_key")


def test_the_first_key_closes_the_api(client: Client, key: Callable[..., str]) -> None:
    secret = key("events:write")
    problem(client.post("/v1/track", json=CALL), 401, "missing_key")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.post("/v1/track", json=CALL, headers=bearer).status_code == 200
    basic = base64.b64encode(f"{secret}:".encode()).decode()
    as_segment_does = {"Authorization": f"Basic {basic}"}
    assert client.post("/v1/track", json=CALL, headers=as_segment_does).status_code == 200
    written = {**CALL, "writeKey": secret}
    assert client.post("/v1/track", json=written).status_code == 200


def test_the_first_member_closes_the_api_too(client: Client, store: Store) -> None:
    with store.engine.begin() as conn:
        members.create_first(
            conn,
            email="ann@example.com",
            name="",
            password="a good password",
            now=clock.wall(),
        )
    problem(client.post("/v1/track", json=CALL), 401, "missing_key")


@each(
    "authorization",
    [
        "Bearer nonsense",
        "Bearer sgm_live_0_0",
        "Bearer",
        "Basic !!!",
        "Basic /w==",
        "Digest x",
        "Bearer sgm_live_\x7f_x",
    ],
)
def test_a_wrong_key_is_refused_in_whatever_shape(
    client: Client, key: Callable[..., str], authorization: str
) -> None:
    key()
    answer = client.post("/v1/track", json=CALL, headers={"Authorization": authorization})
    problem(answer, 401, "invalid_key")


def test_a_key_without_the_scope_is_told_which_one_it_lacks(
    client: Client, key: Callable[..., str]
) -> None:
    headers = {"Authorization": f"Bearer {key('segments:read')}"}
    body = problem(client.post("/v1/track", json=CALL, headers=headers), 403, "missing_scope")
    assert "events:write" in body["detail"]


def test_guessing_keys_is_slowed_down(client: Client, key: Callable[..., str]) -> None:
    key()
    headers = {"Authorization": "Bearer wrong"}
    statuses = {client.post("/v1/track", json=CALL, headers=headers).status_code for _ in range(25)}
    assert statuses == {401, 429}


@each(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"userId": NaN}',
        b'{"userId": 1e999, "event": "x"}',
        b'{"userId": "a\\u0000b", "event": "x"}',
        b'{"userId": "\\ud800", "event": "x"}',
        b'{"userId": "\xed\xa0\x80"}',
        b"[" * 200_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"userId": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_proper_json_is_refused(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/track", content=body, headers=headers)
    problem(answer, 400, "invalid_json")


def test_a_large_body_is_refused_before_it_is_read(client: Client) -> None:
    answer = client.post("/v1/batch", content=b"x" * (5 * 1024 * 1024 + 1))
    problem(answer, 413, "body_too_large")
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_is_cut_at_the_limit(client: Client) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(60):
            yield b"x" * 100_000

    problem(client.post("/v1/batch", content=chunks()), 413, "body_too_large")


def test_a_compressed_body_is_read_and_a_bomb_is_not(client: Client) -> None:
    headers = {"Content-Encoding": "gzip"}
    packed = gzip.compress(json.dumps(CALL).encode())
    assert client.post("/v1/track", content=packed, headers=headers).status_code == 200
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 100_000
    problem(client.post("/v1/track", content=bomb, headers=headers), 413, "body_too_large")
    torn = client.post("/v1/track", content=packed[:-9], headers=headers)
    problem(torn, 400, "invalid_encoding")
    odd = client.post("/v1/track", content=b"not gzip", headers=headers)
    problem(odd, 400, "invalid_encoding")


def test_the_api_starts_without_its_database_and_serves_once_it_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segmind.api.stores.RETRY_SECONDS", 0.0)
    down = True

    def opened() -> Store:
        if down:
            raise DatabaseDown()
        return store

    client = Client(backend.build(application.build(opened)))
    answer = client.post("/v1/track", json=CALL)
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    health = client.get("/health")
    assert health.status_code == 503
    assert health.json()["database"] == "down"
    assert (health.json()["lake"], health.json()["scheduler"]) == ("unknown", "unknown")
    down = False
    assert client.post("/v1/track", json=CALL).status_code == 200
    assert client.get("/health").status_code == 200


def test_connections_that_the_server_ended_are_a_503_at_most(client: Client, store: Store) -> None:
    assert client.post("/v1/track", json=CALL).status_code == 200
    with store.engine.connect() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert client.post("/v1/track", json=CALL).status_code in {200, 503}
    assert client.post("/v1/track", json=CALL).status_code == 200


def test_health_says_what_is_missing(client: Client, store: Store) -> None:
    found = client.get("/health").json()
    assert found == {
        "status": "degraded",
        "version": found["version"],
        "database": "ok",
        "lake": "ok",
        "scheduler": "never_seen",
        "scheduler_lag_seconds": None,
        "incomplete_files": 0,
        "faults": [],
    }
