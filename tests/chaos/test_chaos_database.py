"""G2: the database goes away in the middle of a send: crashes, and connections cut."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_field import LATER, SILENCE, Field, field_of, told, without_hangs
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from segmind.db import embedded, tables
from segmind.db.engine import Store, make_engine
from segmind.db.migrate import upgrade
from segmind.events.schema import Channel
from segmind.settings import from_environment

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def crashing() -> Iterator[tuple[Store, str]]:
    """A server of its own, with every promise of durability kept."""
    with tempfile.TemporaryDirectory(prefix="segmind-chaos-") as name:
        home = Path(name)
        home.chmod(0o755)
        url = embedded.ensure_running(home)
        settings = from_environment({"SEGMIND_HOME": name, "SEGMIND_DATABASE_URL": url})
        store = Store(engine=make_engine(url), lake=settings.lake, settings=settings)
        tables.load()
        upgrade(store.engine)
        yield store, url
        store.engine.dispose()
        embedded.stop(home)


def send(field: Field, each: int) -> None:
    field.people(each + LATER)
    for n, channel in enumerate(Channel, start=1):
        field.broadcast(channel, each, n)
    for _ in range(2):
        field.start(lease=8.0, grace=5.0, silence=SILENCE)


def crash(store: Store) -> None:
    """What ``pg_ctl restart -m immediate`` does."""
    place = embedded.server_of(store.settings.home).data / "postmaster.pid"
    os.kill(int(place.read_text().split()[0]), signal.SIGQUIT)
    deadline = time.monotonic() + 30
    while place.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    embedded.ensure_running(store.settings.home)


def left(field: Field) -> int:
    for _ in range(50):
        try:
            return field.unsettled()
        except OperationalError:
            time.sleep(0.2)
    raise AssertionError("The database does not come back.")


def test_crashes_of_the_database_lose_and_double_nothing(
    crashing: tuple[Store, str], tmp_path: Path
) -> None:
    store, url = crashing
    draw = random.Random(SEED)
    with field_of(store, url, tmp_path, seed=SEED, plan=without_hangs()) as field:
        send(field, 8_000)
        done = 0
        while done < 10 and left(field):
            time.sleep(draw.uniform(0.5, 2.0))
            crash(store)
            done += 1
        left(field)
        field.go_on_sending(after=8_000)
        field.settle(1800)
        verdict = field.verdict()
        told("database crashes", SEED, verdict, [f"crashes={done}"])
        verdict.require()


def test_cut_connections_lose_and_double_nothing(
    crashing: tuple[Store, str], tmp_path: Path
) -> None:
    store, url = crashing
    with field_of(store, url, tmp_path, seed=SEED, plan=without_hangs()) as field:
        send(field, 15_000)
        cut = 0
        until = time.monotonic() + 60
        while time.monotonic() < until and left(field):
            try:
                with store.engine.begin() as conn:
                    conn.execute(
                        text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                            " ORDER BY random() LIMIT 1"
                        )
                    )
                cut += 1
            except OperationalError:
                pass
            time.sleep(0.2)
        left(field)
        field.go_on_sending(after=15_000)
        field.settle(1800)
        verdict = field.verdict()
        told("cut connections", SEED, verdict, [f"cut={cut}"])
        verdict.require()
