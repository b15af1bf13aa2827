"""The API over a test's own store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from api_client import Client, customer_id
from fastapi import FastAPI

from segmind import clock
from segmind.api import application, backend
from segmind.db.engine import Store
from segmind.workspace import api_keys
from tests.conftest import NOW, Keep, Original


@pytest.fixture(scope="session")
def routes() -> FastAPI:
    """All routes; FastAPI prepares each when it is first called, 50 ms of work."""

    def opened() -> Store:
        raise AssertionError("Each test opens the API on a store of its own.")

    return application.build(opened)


@pytest.fixture
def api(store: Store, routes: FastAPI) -> FastAPI:
    """The API over the test's store, which knows nothing of other tests' callers."""
    application.open_on(routes, lambda: store)
    return routes


@pytest.fixture
def client(api: FastAPI) -> Client:
    """Somebody at the machine itself, without a key."""
    return Client(backend.build(api))


@pytest.fixture
def key(store: Store) -> Callable[..., str]:
    """Makes API keys with the given scopes."""

    def make(*scopes: str) -> str:
        with store.engine.begin() as conn:
            made = api_keys.create(
                conn, "Test", scopes or ["admin"], actor="test", now=clock.wall()
            )
        return made[1]

    return make


@pytest.fixture
def original(request: pytest.FixtureRequest, keep: Keep) -> Original:
    """For tests that ask for it, the shop; otherwise nothing."""
    return keep("api_shop", _fill) if "shop" in request.fixturenames else Original()


@pytest.fixture
def shop(client: Client, frozen_clock: datetime) -> Client:
    """The client, over a small shop: eight customers, their views, carts and orders."""
    return client


def _fill(store: Store) -> None:
    with clock.frozen(NOW):
        _call_all(Client(backend.build(application.build(lambda: store))), NOW)


def _call_all(client: Client, now: datetime) -> None:
    calls: list[dict[str, object]] = []
    for n in range(1, 9):
        traits = {
            "firstName": f"Person{n}",
            "lastName": "Test",
            "email": f"person{n}@example.com",
            "phone": f"+1555010{n:04d}",
        }
        calls.append({"type": "identify", "userId": f"c-{n}", "traits": traits})
        calls += [_viewed(n, k, now) for k in range(n * 2)]
    calls += [_ordered(n, now - timedelta(days=d)) for n in (1, 2) for d in (1, 3)]
    added = {"product_id": "p-1", "price": 20.0, "quantity": 1}
    calls.append(
        {
            "type": "track",
            "userId": "c-3",
            "event": "Product Added",
            "timestamp": (now - timedelta(hours=5)).isoformat(),
            "properties": added,
        }
    )
    answer = client.post("/v1/batch", json={"batch": calls})
    assert answer.json()["success"], answer.text
    for n in range(1, 9):
        consent = {"channel": "email", "consent": True, "source": "form"}
        made = client.post(f"/customers/{customer_id(client, n)}/consents", json=consent)
        assert made.status_code == 201, made.text


def _viewed(n: int, k: int, now: datetime) -> dict[str, object]:
    return {
        "type": "track",
        "userId": f"c-{n}",
        "event": "Product Viewed",
        "timestamp": (now - timedelta(days=2, minutes=k)).isoformat(),
        "properties": {"product_id": f"p-{k}"},
    }


def _ordered(n: int, at: datetime) -> dict[str, object]:
    return {
        "type": "track",
        "userId": f"c-{n}",
        "event": "Order Completed",
        "timestamp": at.isoformat(),
        "properties": {
            "order_id": f"o-{n}-{at.day}",
            "products": [{"product_id": "p-1", "price": 19.99, "quantity": 2}],
        },
    }
