"""A database that is away: waited for at the start, started again when it is ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from scheduler.database import Reviver, wait_for_store
from segmind.db import embedded, heartbeat
from segmind.db.engine import make_engine
from segmind.settings import ROOT, from_environment


def test_a_database_that_is_not_there_yet_is_waited_for(office: Any, tmp_path: Path) -> None:
    late = f"late_{os.getpid()}"
    url = office._url.replace(office.store.engine.url.database, late)
    admin = make_engine(office._url).execution_options(isolation_level="AUTOCOMMIT")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scheduler"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "SEGMIND_DATABASE_URL": url,
                "SEGMIND_HOME": str(tmp_path),
            },
            stderr=log,
        )
    office.running.append(process)
    said = "PostgreSQL does not answer. Waiting for it."
    office.wait(lambda: said in (tmp_path / "log").read_text(), 30, "it did not say so")
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {late}"))
    engine = make_engine(url)

    def lives() -> bool:
        with engine.connect() as conn:
            there = conn.execute(text("SELECT to_regclass('heartbeat')")).scalar()
            return there is not None and heartbeat.scheduler(conn) is not None

    office.wait(lives, 40, (tmp_path / "log").read_text())
    assert office.stop(process) < 5.0
    engine.dispose()
    with admin.connect() as conn:
        conn.execute(text(f"DROP DATABASE {late} WITH (FORCE)"))
    admin.dispose()


def test_whoever_waits_can_be_stopped(tmp_path: Path) -> None:
    settings = from_environment(
        {
            "SEGMIND_HOME": str(tmp_path),
            "SEGMIND_DATABASE_URL": f"postgresql://nobody@/none?host={tmp_path}",
        }
    )
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    assert wait_for_store(settings, stopping) is None


def test_the_embedded_server_is_started_again_after_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "var"
    home.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    settings = from_environment({"SEGMIND_HOME": str(home)})
    engine = make_engine(embedded.ensure_running(home))
    server = embedded.server_of(home)
    try:
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        revive = Reviver(settings)
        deadline = time.monotonic() + 30
        while not embedded.is_running(server) and time.monotonic() < deadline:
            revive()  # its processes may need a moment to notice that their parent is gone
            time.sleep(0.5)
        with engine.connect() as conn:
            assert conn.execute(text("SELECT 1")).scalar() == 1
    finally:
        engine.dispose()
        embedded.stop(home)
