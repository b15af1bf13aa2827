"""An emulator for a test or a benchmark: in a thread of this process, or as a process apart."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from segmind.channels.emulator.acceptances import Acceptance, AcceptanceLog, parsed
from segmind.channels.emulator.faults import CALM, FaultPlan, to_json
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.reporting import Reporter
from segmind.channels.emulator.server import OWN, Emulator

_START_SECONDS: Final = 30.0


class InThread:
    """A running emulator whose loop has a thread of its own. Safe to use from other threads."""

    def __init__(self, emulator: Emulator, port: int = 0) -> None:
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator", daemon=True)
        self._thread.start()
        self.url: str = self._wait(emulator.start(port=port))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make Segmind use it."""
        return self._emulator.identity.environment(self.url)

    def accepted(self) -> list[Acceptance]:
        """What it accepted so far, in order."""
        return self._emulator.log.read()

    @property
    def accepted_count(self) -> int:
        """How many messages it accepted so far."""
        return self._emulator.log.count

    def status(self) -> dict[str, Any]:
        """Figures of this run, as ``GET /emulator``."""
        return self._emulator.status()

    def set_plan(self, plan: FaultPlan) -> None:
        """From now on requests meet the faults of this plan."""
        self._emulator.plan = plan

    def stop(self) -> None:
        """Stop it; what it accepted can still be read."""
        self._wait(self._emulator.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)


@contextmanager
def emulating(
    *,
    seed: int = 0,
    plan: FaultPlan = CALM,
    identity: Identity | None = None,
    log: Path | None = None,
    reporter: Reporter | None = None,
    port: int = 0,
) -> Iterator[InThread]:
    """An emulator in a thread of this process, on a free loopback port.

    ``log``: a file for the acceptance log (default: memory).
    """
    emulator = Emulator(
        seed=seed, plan=plan, identity=identity, log=AcceptanceLog(log), reporter=reporter
    )
    running = InThread(emulator, port)
    try:
        yield running
    finally:
        running.stop()


class Process:
    """An emulator as a process of its own, so that it takes no time of this one's interpreter."""

    def __init__(self, folder: Path, arguments: Sequence[str] = ()) -> None:
        command = [
            sys.executable, "-m", "segmind.channels.emulator",
            "--folder", str(folder), "--port", "0", "--json", *arguments,
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline() or "{}")
        if "url" not in told:
            raise RuntimeError("The emulator did not start.")
        self.url: str = told["url"]
        self.pid = self._process.pid
        self.environment: dict[str, str] = told["environment"]

    def accepted(self) -> list[Acceptance]:
        """What it accepted so far, in order."""
        return parsed(self._ask("GET", "/accepted").splitlines())

    def status(self) -> dict[str, Any]:
        """Figures of this run."""
        told: dict[str, Any] = json.loads(self._ask("GET", ""))
        return told

    def set_plan(self, plan: FaultPlan) -> None:
        """From now on requests meet the faults of this plan."""
        self._ask("PUT", "/plan", json.dumps(to_json(plan)).encode())

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            self.url + OWN + path, data=body, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            told: bytes = answer.read()
        return told


@contextmanager
def emulating_apart(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Process]:
    """An emulator in a process of its own. ``folder`` keeps its identity; ``arguments`` are those
    of the command line (``--plan mixed --seed 7``)."""
    running = Process(folder, arguments)
    try:
        yield running
    finally:
        running.stop()
