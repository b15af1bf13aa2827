"""The API over a test's own store."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from api_client import Client
from fastapi import FastAPI

from segmind import clock
from segmind.api import application, backend
from segmind.db.engine import Store
from segmind.workspace import api_keys


@pytest.fixture
def api(store: Store) -> FastAPI:
    """The API over the test's store."""
    return application.build(lambda: store)


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
