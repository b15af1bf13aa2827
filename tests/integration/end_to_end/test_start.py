"""Starting, stopping and being killed, as ``./run.sh`` does it."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from segmind.db import embedded
from segmind.db.engine import make_engine
from tests.integration.end_to_end.stack import Process, Stack, free_port, open_folder, until

URL = re.compile(r"Segmind runs at (http://127\.0\.0\.1:\d+)")


class Installation:
    """One home with an embedded server, started again and again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._starts: list[Process] = []

    def start(self, *options: str) -> Process:
        """Start everything and wait for the URL."""
        started = self.begin(*options)
        self.wait_for(started, "Segmind runs at")
        return started

    def begin(self, *options: str) -> Process:
        """Start everything."""
        settings = {"SEGMIND_HOME": str(self.home), "SEGMIND_PORT": str(self.port)}
        log = self.home.parent / f"start-{len(self._starts)}.log"
        started = Process.start("start.py", ["scripts/start.py", *options], settings, log)
        self._starts.append(started)
        return started

    @staticmethod
    def wait_for(started: Process, said: str) -> None:
        """Wait until it says that."""

        def printed() -> bool:
            assert started.is_alive, started.said
            return said in started.said

        until(printed, f"start.py says {said}")

    def health(self) -> str | None:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/api/health", timeout=10)
        except httpx.HTTPError:
            return None
        return str(answer.json()["status"])

    @property
    def database_runs(self) -> bool:
        return embedded.is_running(embedded.server_of(self.home))

    def customers(self) -> int:
        return self.count("customer")

    def count(self, table: str) -> int:
        """The rows of a table."""
        engine = make_engine(embedded.server_of(self.home).url)
        with engine.connect() as conn:
            found = conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        engine.dispose()
        return int(found)

    def clear(self) -> None:
        for started in self._starts:
            started.end()
        embedded.stop(self.home)


@pytest.fixture
def installation() -> Iterator[Installation]:
    with open_folder() as folder:
        made = Installation(folder / "home")
        yield made
        made.clear()


def children(pid: int) -> dict[str, int]:
    """The child processes of ``pid``: "web" and "scheduler" with their pids."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if parent == pid:
            found["web" if "streamlit" in words else "scheduler"] = int(folder.name)
    return found


def is_gone(pid: int) -> bool:
    """Whether nothing runs under that pid (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_first_start_makes_a_shop_that_outlives_killed_parts_and_a_killed_start(
    installation: Installation,
) -> None:
    first = installation.start("--events", "2000")
    printed = URL.search(first.said)
    assert printed is not None
    assert httpx.get(printed[1], timeout=30).is_success
    until(lambda: installation.health() == "ok", "web, scheduler and files are well")
    customers = installation.customers()
    assert customers > 50
    killed_parts_are_started_again(installation, first)
    a_killed_start_takes_its_parts_along(installation, first)

    second = installation.start("--events", "2000")
    assert "Products and settings" not in second.said
    assert installation.customers() == customers
    until(lambda: installation.health() == "ok", "the next start works")
    parts = children(second.popen.pid)
    assert second.end(signal.SIGINT) == 0
    assert all(is_gone(pid) for pid in parts.values())
    assert not installation.database_runs


def killed_parts_are_started_again(installation: Installation, started: Process) -> None:
    for name in ("web", "scheduler"):
        before = children(started.popen.pid)
        assert before.keys() == {"web", "scheduler"}
        os.kill(before[name], signal.SIGKILL)

        def is_back(name: str = name, before: dict[str, int] = before) -> bool:
            now = children(started.popen.pid)
            return now.keys() == before.keys() and now[name] != before[name]

        until(is_back, f"{name} is started again")
        assert installation.database_runs
        until(lambda: installation.health() == "ok", f"all is well after the end of {name}")


def a_killed_start_takes_its_parts_along(installation: Installation, started: Process) -> None:
    orphans = children(started.popen.pid)
    started.popen.kill()
    started.popen.wait()
    until(lambda: all(is_gone(pid) for pid in orphans.values()), "no part outlives start.py")
    assert installation.database_runs


# By default only the making itself is interrupted (test_demo_shop.py).
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_first_start_that_was_interrupted_is_begun_anew(
    installation: Installation, how: signal.Signals
) -> None:
    first = installation.begin("--events", "2000")
    installation.wait_for(first, "Past campaigns")
    first.popen.send_signal(how)
    first.popen.wait(60)
    assert "Traceback" not in first.said
    if how is not signal.SIGKILL:
        assert first.popen.returncode == 130
        assert not installation.database_runs

    second = installation.start("--events", "2000")
    assert "Products and settings" in second.said
    customers, campaigns = installation.customers(), installation.count("campaign")
    assert customers > 50
    assert campaigns > 5
    assert second.end(signal.SIGINT) == 0


def test_a_port_that_is_taken_is_said_at_once(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        refused = installation.begin("--no-demo")
        assert refused.popen.wait(60) == 1
    assert "SEGMIND_PORT" in refused.said
    assert "Traceback" not in refused.said
    assert not installation.database_runs


@pytest.fixture
def absent_database() -> Iterator[Path]:
    """The home of a server that does not run; stopped in the end."""
    with open_folder() as folder:
        yield folder / "database"
        embedded.stop(folder / "database")


def test_a_database_that_is_down_at_the_start_and_later_is_waited_for(
    absent_database: Path, tmp_path: Path
) -> None:
    server = embedded.server_of(absent_database)
    stack = Stack(tmp_path / "home", server.url)
    bind = ["--host", "127.0.0.1", "--port", str(stack.port)]
    stack.start("backend", "-m", "uvicorn", "segmind.api:app", *bind)
    stack.start_scheduler()
    try:
        until(lambda: _status(stack) == (503, "down"), "it serves before its database does")
        refused = httpx.post(f"{stack.url}/v1/track", json=_call("early"), timeout=30)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"

        for turn in ("first", "second"):
            embedded.ensure_running(absent_database)
            until(lambda: _status(stack) == (200, "ok"), f"all is well, the {turn} time")
            taken = httpx.post(f"{stack.url}/v1/track", json=_call(turn), timeout=30)
            assert taken.is_success, taken.text
            embedded.stop(absent_database)
            until(lambda: _status(stack) == (503, "down"), "it says that the database is away")
        assert all(process.is_alive for process in stack.processes)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{stack.logs()}") from error
    finally:
        stack.stop()
    assert "Traceback" not in stack.logs(), stack.logs()


def _status(stack: Stack) -> tuple[int, str] | None:
    try:
        answer = httpx.get(f"{stack.url}/health", timeout=30)
    except httpx.HTTPError:
        return None
    return answer.status_code, answer.json()["status"]


def _call(number: str) -> dict[str, object]:
    return {"userId": "somebody", "event": "Product Viewed", "messageId": f"view-{number}"}
