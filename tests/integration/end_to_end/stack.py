"""Segmind as processes of its own: started, waited for, and ended by their own pid."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from segmind.settings import ROOT

T = TypeVar("T")
#: For machines that are busy with something else.
PATIENCE = 120.0
_PR_SET_PDEATHSIG = 1


def until(
    look: Callable[[], T | None], what: str, *, patience: float = PATIENCE, every: float = 0.2
) -> T:
    """What ``look`` gives once it gives something true; fails with ``what`` when it never does."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"Waited {patience:g} s in vain: {what}"
        time.sleep(every)


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the account of an embedded server can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="segmind-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with no setting of Segmind's but these."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SEGMIND_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


@dataclass
class Process:
    """A program that runs until it is ended; what it says is kept in ``log``."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, name: str, arguments: Sequence[str], settings: Mapping[str, str], log: Path
    ) -> Process:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_the_tests,
            )
        return cls(name, log, popen)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and wait; its exit code."""
        if self.is_alive:
            self.popen.send_signal(how)
        try:
            return self.popen.wait(60)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} did not end:\n{self.said[-4000:]}") from None


def _end_with_the_tests() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Stack:
    """Web and scheduler of one workspace."""

    home: Path
    database_url: str
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SEGMIND_HOME": str(self.home),
            "SEGMIND_DATABASE_URL": self.database_url,
            "SEGMIND_PORT": str(self.port),
        }

    def start(self, name: str, *arguments: str) -> Process:
        """Start one more program on this workspace."""
        process = Process.start(name, arguments, self.settings, self.home / "logs" / f"{name}.log")
        self.processes.append(process)
        return process

    def start_web(self) -> None:
        options = ["--server.port", str(self.port), "--server.address", "127.0.0.1"]
        options += ["--server.fileWatcherType", "none"]  # sources may change while tests run
        app = str(ROOT / "app.py")
        web = self.start("web", "-m", "streamlit", "run", app, *options)

        def answers() -> bool:
            assert web.is_alive, web.said
            return _answers(f"{self.url}/_stcore/health")

        until(answers, f"the web process answers:\n{web.said[-4000:]}")

    def start_scheduler(self) -> None:
        self.start("scheduler", "-m", "scheduler")

    def run(self, script: str, *arguments: str, given: str = "") -> str:
        """Run a script of the project to its end; its standard output."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / script), *arguments],
            cwd=ROOT,
            env=environment(self.settings),
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """The API of the web process."""
        with httpx.Client(base_url=f"{self.url}/api", timeout=60) as client:
            yield Api(client)

    def stop(self) -> None:
        """End everything that was started, the newest first."""
        for process in reversed(self.processes):
            process.end()

    def logs(self, last: int = 6000) -> str:
        """What the programs said, for a report of a failure."""
        return "\n".join(f"--- {p.name} ---\n{p.said[-last:]}" for p in self.processes)


@dataclass
class Api:
    """Calls that must succeed."""

    client: httpx.Client

    def get(self, path: str, **params: Any) -> Any:
        return self._checked(self.client.get(path, params=params))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self._checked(self.client.post(path, json=body, headers=headers))

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False
