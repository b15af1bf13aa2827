"""Chromium, and workspaces that run as processes of their own on loopback."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import create_engine, text

from tests.browser.visiting import Visit
from tests.conftest import TEMPLATE
from tests.integration.end_to_end.stack import Stack, open_folder

#: Nothing of the browser's own may leave the machine or write into the profile of a person.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Visitor:
    """Somebody with as many browsers as they like, none of which knows the others' cookies."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self.opened: list[Visit] = []

    def __call__(self, stack: Stack, **context: Any) -> Visit:
        # Who wants less motion gets it from Streamlit too: a sixth of the browser's work.
        given = {"viewport": {"width": 1360, "height": 900}, "reduced_motion": "reduce", **context}
        made = Visit(self._chromium.new_context(**given).new_page(), stack.url)
        self.opened.append(made)
        return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; skips where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("There is no Chromium here (apt-get install chromium): no browser tests.")
    # Of a module, not of the session: while it is there, no other test can run an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Opens a browser of its own on a workspace; at the end none of them may have complained."""
    made = Visitor(chromium)
    yield made
    for each in made.opened:
        each.page.context.close()
    for each in made.opened:
        each.assert_quiet()


@pytest.fixture(scope="module")
def workspace(postgres: str) -> Iterator[Callable[[], Stack]]:
    """Makes empty, migrated workspaces; what was started in them is ended with the module."""
    made: list[tuple[Stack, str]] = []
    admin = create_engine(
        postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with open_folder() as folder:

        def make() -> Stack:
            name = f"browser_{uuid.uuid4().hex[:12]}"
            with admin.connect() as conn:
                conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
            stack = Stack(folder / name, postgres.replace("/segmind?", f"/{name}?"))
            made.append((stack, name))
            return stack

        yield make
        for stack, name in made:
            stack.stop()
            with admin.connect() as conn:
                conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the processes said and, in a picture, what the browser showed."""
    report = yield
    for given in getattr(item, "funcargs", {}).values() if report.failed else ():
        if isinstance(given, Stack):
            report.sections.append(("What the processes said", given.logs()))
        if isinstance(given, Visitor) and call.when == "call":
            for place, visit in enumerate(given.opened):
                visit.picture(f"failed-{item.name}-{place}")
                report.sections.append((f"Where browser {place} was", visit.page.url))
    return report
