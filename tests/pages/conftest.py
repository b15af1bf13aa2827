"""Driving the whole UI in process, on a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.db.engine import Store
from segmind.settings import ROOT
from segmind.ui import access
from segmind.workspace.access import Visit
from tests.conftest import Keep, Original
from tests.pages import small_shop

MAIN = str(ROOT / "segmind" / "ui" / "main.py")
LOCAL = Visit(client="127.0.0.1", host="127.0.0.1:8631")

Open = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def components() -> Iterator[None]:
    """Looks for Streamlit's components among the installed packages once: it is done whenever a
    page is opened, takes longer than most pages, and always finds the same."""
    with pytest.MonkeyPatch.context() as patch:
        found = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


@pytest.fixture
def ui(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The UI works on ``store``, seen from a browser on this machine."""
    for name, value in store.settings.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(access, "visit", lambda: LOCAL)
    monkeypatch.setattr(access, "session_cookie", lambda: None)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield store
    st.cache_data.clear()
    st.cache_resource.clear()
    clock.use(None)


@pytest.fixture
def original(request: pytest.FixtureRequest, keep: Keep) -> Original:
    """For tests that ask for it, the small shop as it was when the first of them began."""
    return keep("small_shop", _fill) if "shop" in request.fixturenames else Original()


@pytest.fixture
def shop(ui: Store, original: Original) -> dict[str, int]:
    """The small shop; the customers' ids by the shop's own."""
    return dict(original.told)


def _fill(store: Store) -> dict[str, int]:
    with store.engine.begin() as conn:
        return small_shop.fill(conn, clock.now())


@pytest.fixture
def open_page(ui: Store) -> Open:
    """Open a page by name, with query parameters and session state."""

    def opened(name: str, *, state: dict[str, Any] | None = None, **params: object) -> AppTest:
        app = AppTest.from_file(MAIN, default_timeout=30)
        app.session_state["plain_editors"] = True
        for key, value in (state or {}).items():
            app.session_state[key] = value
        app.switch_page(str(ROOT / "pages" / f"{name}.py"))
        for key, param in params.items():
            app.query_params[key] = str(param)
        return app.run()

    return opened


def texts(app: AppTest) -> str:
    """Everything that the page says in words."""
    parts = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(str(part.value) for part in parts)


def assert_well(app: AppTest) -> None:
    """The page ran to its end: no exception, no "something went wrong"."""
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
