"""Start Segmind: database, migrations, the demo shop on first start, then web and scheduler.

Usage: start.py [all|backend|frontend|scheduler] [--events N] [--no-demo]

Ctrl-C stops every process that this one started, and the embedded database unless another
process still uses it. A part that dies is started again.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy import text  # noqa: E402
from sqlalchemy.exc import OperationalError  # noqa: E402

from segmind.db import embedded  # noqa: E402
from segmind.db.engine import DatabaseDown, Store, make_engine, open_store  # noqa: E402
from segmind.db.locks import lock  # noqa: E402
from segmind.db.migrate import upgrade  # noqa: E402
from segmind.errors import SegmindError, Unavailable  # noqa: E402
from segmind.settings import Settings, from_environment  # noqa: E402

DEMO_EVENTS = 1_000_000
STOP_SECONDS = 10
DATABASE_SECONDS = 300
PR_SET_PDEATHSIG = 1


@dataclass
class Part:
    """One process that is kept running."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = field(default=0)
    again_at: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )

    def tend(self) -> None:
        """Start it again if it died; wait longer each time that it dies young."""
        if self.process is None:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        if self.process.poll() is None:
            return
        young = time.monotonic() - self.started < 30
        self.failures = self.failures + 1 if young else 0
        print(f"{self.name} ended with {self.process.returncode}; it starts again.", flush=True)
        self.process = None
        self.again_at = time.monotonic() + min(30, 2**self.failures - 1)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _die_with_parent() -> None:
    """On Linux, a killed start.py takes its children along (the database stays up)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def parts(which: str, settings: Settings) -> list[Part]:
    python, port = sys.executable, str(settings.port)
    web = Part(
        "web",
        [python, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", port,
         "--server.address", settings.host, "--server.headless", "true",
         # Modules loaded anew in a running process would exist twice in it.
         "--server.fileWatcherType", "none"],
    )  # fmt: skip
    backend = Part(
        "backend",
        [python, "-m", "uvicorn", "segmind.api:app", "--host", settings.host, "--port", port,
         "--log-level", "warning"],
    )  # fmt: skip
    scheduler = Part("scheduler", [python, "-m", "scheduler"])
    return {
        "all": [web, scheduler],
        "frontend": [web],
        "backend": [backend],
        "scheduler": [scheduler],
    }[which]


class PortTaken(Unavailable):
    """Something else listens on {host}:{port}."""

    hint = "Stop it, or choose another port with SEGMIND_PORT."


def prepare(settings: Settings, *, demo_events: int | None) -> None:
    """The database up to date and, on first start, the demo shop in it."""
    store = _patiently_opened(settings)
    try:
        upgrade(store.engine)
        if demo_events:
            _make_demo(store, demo_events)
    finally:
        store.engine.dispose()


def _make_demo(store: Store, events: int) -> None:
    """Whoever holds the lock makes the shop; whoever waits for it finds it made."""
    with store.engine.begin() as turn:
        turn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        lock(turn, "start.demo")
        if _wants_demo(store):
            subprocess.run(
                [sys.executable, "scripts/seed_demo.py", "--events", str(events)],
                cwd=ROOT,
                check=True,
                preexec_fn=_die_with_parent,
            )


def _patiently_opened(settings: Settings) -> Store:
    try:
        return open_store(settings)
    except DatabaseDown as error:
        cause = getattr(error.__cause__, "orig", None)
        print(f"{error}\n  {str(cause).strip().splitlines()[0] if cause else ''}", file=sys.stderr)
        print(f"Waiting for it, {DATABASE_SECONDS // 60} minutes at most.", file=sys.stderr)
        return open_store(settings, wait=DATABASE_SECONDS)


def _wants_demo(store: Store) -> bool:
    """Whether nothing is there yet, or only what an interrupted first start left."""
    query = """
        SELECT NOT EXISTS (SELECT 1 FROM customer)
            OR NOT EXISTS (SELECT 1 FROM import_run) AND NOT EXISTS (SELECT 1 FROM member)
               AND (SELECT state FROM job WHERE kind = 'seed' ORDER BY id DESC LIMIT 1) = 'running'
    """
    with store.engine.connect() as conn:
        return bool(conn.execute(text(query)).scalar())


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host=host, port=port) from error


def serve(running: list[Part], settings: Settings, which: str) -> None:
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    for part in running:
        part.start()
    announced = which == "scheduler"
    path = "/health" if which == "backend" else "/_stcore/health"
    while not stopping:
        if not announced and _answers(f"http://{settings.host}:{settings.port}{path}"):
            print(f"\n  Segmind runs at http://{settings.host}:{settings.port}\n", flush=True)
            announced = True
        for part in running:
            part.tend()
        time.sleep(0.2 if not announced else 1.0)
    print("\nStopping ...", flush=True)
    for part in reversed(running):
        part.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        return error.code != 404
    except OSError:
        return False


def _stop_database(settings: Settings) -> None:
    """Stop the embedded server, unless somebody else is still connected."""
    if settings.database_url or not embedded.is_running(embedded.server_of(settings.home)):
        return
    engine = make_engine(embedded.server_of(settings.home).url)
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    """
    others, deadline = 1, time.monotonic() + 3
    try:
        while others and time.monotonic() < deadline:  # our own may still be taking their leave
            with engine.connect() as conn:
                others = conn.execute(text(query)).scalar_one()
            if others:
                time.sleep(0.2)
    except OperationalError:
        return
    finally:
        engine.dispose()
    if not others:
        embedded.stop(settings.home)


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.sh", description="Start Segmind.")
    parser.add_argument(
        "part", nargs="?", default="all", choices=["all", "backend", "frontend", "scheduler"]
    )
    parser.add_argument("--events", type=int, default=DEMO_EVENTS, help="size of the demo shop")
    parser.add_argument("--no-demo", action="store_true", help="start with an empty workspace")
    options = parser.parse_args()
    with_demo = options.part == "all" and not options.no_demo and options.events > 0
    try:
        settings = from_environment()
        os.environ.setdefault("SEGMIND_PORT", str(settings.port))
        if options.part != "scheduler":
            _require_free(settings.host, settings.port)
    except SegmindError as error:
        print(error, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        prepare(settings, demo_events=options.events if with_demo else None)
        serve(parts(options.part, settings), settings, options.part)
    except SegmindError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("The demo shop could not be made; the reason stands above.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130
    finally:
        _stop_database(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
