"""The real scheduler process on a database of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.segments import segment
from segmind.settings import ROOT
from segmind.workspace import product_settings


class Office:
    """A shop, and schedulers that are started, killed and stopped."""

    def __init__(self, store: Store, database_url: str, logs: Path) -> None:
        self.store = store
        self._url = database_url
        self._logs = logs
        self.running: list[subprocess.Popen[bytes]] = []
        with store.engine.begin() as conn:
            product_settings.save(
                conn, {"postal_address": "1 High Street", "quiet_hours": {}}, "test", self.now
            )
            self.everybody = segment.create(
                conn, "Everybody", {"type": "all", "conditions": []}, now=self.now
            ).id

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def customers(self, n: int) -> None:
        with self.store.engine.begin() as conn:
            conn.execute(
                text(
                    "INSERT INTO customer (first_name, email, email_consent)"
                    " SELECT 'Ada', 'c' || i || '@example.com', 1 FROM generate_series(1, :n) AS i"
                ),
                {"n": n},
            )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to work for this shop."""
        return {
            "PATH": os.environ["PATH"],
            "SEGMIND_DATABASE_URL": self._url,
            "SEGMIND_HOME": str(self.store.settings.home),
        }

    def start(self, *, ready: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        """``ready``: wait until it has said that it lives."""
        log = (self._logs / f"scheduler-{len(list(self._logs.iterdir()))}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "scheduler"],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=log,
            stderr=log,
        )
        log.close()
        self.running.append(process)
        if ready:
            self.wait(lambda: self._lives(process), 40, "the scheduler never came to life")
        return process

    def _lives(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log()
        with self.store.engine.connect() as conn:
            return any(
                beat.process.endswith(f":{process.pid}") for beat in heartbeat.all_of_them(conn)
            )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait(10)
        self.running.remove(process)

    def stop(self, process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> float:
        """Ask it to stop; the seconds that it took."""
        began = time.monotonic()
        process.send_signal(how)
        process.wait(20)
        self.running.remove(process)
        return time.monotonic() - began

    def wait(self, done: Callable[[], bool], seconds: float, otherwise: str) -> float:
        """Wait until ``done``; the seconds that it took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, f"{otherwise}\n{self.log()}"
            time.sleep(0.1)
        return time.monotonic() - began

    def log(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._logs.iterdir()))

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.store.engine.connect() as conn:
            return list(conn.execute(text(query), values).all())

    def one(self, query: str, **values: Any) -> Any:
        return self.rows(query, **values)[0][0]

    def leases_run_out(self) -> None:
        """As if the minute and a half had passed that the dead held their messages for."""
        with self.store.engine.begin() as conn:
            conn.execute(
                text(
                    "UPDATE message SET lease_until = now() - interval '1 second'"
                    " WHERE state IN (1, 2)"
                )
            )


@pytest.fixture
def office(store: Store, database_url: str, tmp_path: Path) -> Iterator[Office]:
    logs = tmp_path / "logs"
    logs.mkdir()
    place = Office(store, database_url, logs)
    yield place
    for process in place.running:
        process.kill()
        process.wait(10)
