"""kill -9 in the middle of ingest, import, seal, roll and compact: every event exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from segmind.db.engine import Store
from segmind.events import catalogue, keys, log, rollup, sweep
from segmind.events.schema import Kind
from segmind.settings import ROOT
from tests.integration.events import crashing_writer

ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture
def writers(store: Store, database_url: str) -> Iterator[subprocess.Popen[str]]:
    """What starts one writer after the other."""
    script = str(Path(crashing_writer.__file__))
    with subprocess.Popen(
        [sys.executable, script, database_url, str(store.settings.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    ) as process:
        yield process
        process.kill()


def written_until_killed(
    writers: subprocess.Popen[str], seed: int, batch: int, acts: int, after: float
) -> list[str]:
    """Kill a writer ``after`` seconds into its ``acts``-th act; returns the lines it printed."""
    assert writers.stdin is not None and writers.stdout is not None
    writers.stdin.write(f"{seed} {batch}\n")
    writers.stdin.flush()
    lines: list[str] = []
    pid = 0
    while not pid or sum(line.startswith("act ") for line in lines) < acts:
        line = writers.stdout.readline().strip()
        assert line and not line.startswith("ended"), "the writer failed by itself"
        if line.startswith("pid "):
            pid = int(line.split()[1])
        else:
            lines.append(line)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    while not (line := writers.stdout.readline().strip()).startswith("ended"):
        assert line
        lines.append(line)
    assert line == f"ended {-signal.SIGKILL}", "the writer failed by itself"
    return lines


def assert_each_once(store: Store, sure: set[int], unsure: set[int]) -> set[int]:
    """Check what is in the log against what must be; returns the batches that are there."""
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as conn:
        snapshot = log.read(conn, store, ZONE)
    assert snapshot.incomplete == ()
    rows = snapshot.events(columns=["event_hi", "event_lo"]).collect().rows()
    found = set(rows)
    assert len(found) == len(rows)
    there = set()
    for batch in sure | unsure:
        ids = {keys.halves(keys.event_id(i)) for i in crashing_writer.identifiers(batch)}
        assert batch not in sure or ids <= found
        if ids & found:
            assert ids <= found, "half a batch"
            there.add(batch)
        found -= ids
    assert not found
    views = snapshot.totals([Kind.PRODUCT_VIEWED]).collect()["n"].sum()
    assert views == len(rows)
    assert sum(f.rows for f in snapshot.rows.files) + snapshot.rows.recent.height == len(rows)
    return there


def assert_customers_are_whole(store: Store) -> None:
    """Every id leads to a customer."""
    with store.engine.connect() as conn:
        ids = conn.execute(text("SELECT customer_id FROM identity")).scalars()
        customers = conn.execute(text("SELECT id FROM customer")).scalars()
        assert set(ids) <= set(customers)


def kill_again_and_again(
    store: Store, writers: subprocess.Popen[str], kills: int, seed: int
) -> Counter[str]:
    """Kill a writer ``kills`` times and check after each; returns what it was doing then."""
    chance = random.Random(seed)
    sure: set[int] = set()
    killed: Counter[str] = Counter()
    batch = 0
    for number in range(kills):
        acts, after = chance.randint(1, 8), chance.uniform(0, 0.06)
        lines = written_until_killed(writers, seed + number, batch, acts, after)
        begun = {int(line.split()[1]) for line in lines if line.startswith("begin")}
        done = {int(line.split()[1]) for line in lines if line.startswith("done")}
        killed[[line.split()[1] for line in lines if line.startswith("act")][-1]] += 1
        sure = assert_each_once(store, sure | done, begun - done)
        assert_customers_are_whole(store)
        batch = max([batch - 1, *begun]) + 1
    rollup.roll(store, ZONE, crashing_writer.BASE + timedelta(days=5))
    assert_each_once(store, sure, set())
    sweep.remove_retired(store, older_than=timedelta(0))
    sweep.sweep_orphans(store, older_than=timedelta(0))
    on_disk = {p.relative_to(store.lake).as_posix() for p in store.lake.rglob("*") if p.is_file()}
    with store.engine.connect() as conn:
        assert on_disk == catalogue.known_paths(conn)
    assert_each_once(store, sure, set())
    return killed


def test_a_killed_writer_loses_nothing_and_doubles_nothing(
    store: Store, writers: subprocess.Popen[str]
) -> None:
    kill_again_and_again(store, writers, kills=8, seed=1)


def test_a_file_imported_again_beside_live_events_adds_nothing(store: Store) -> None:
    crashing_writer.import_batch(store, 0)
    crashing_writer.track(store, 1)
    crashing_writer.import_batch(store, 0)
    assert_each_once(store, {0, 1}, set())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_writer_killed_two_hundred_times_loses_nothing(
    store: Store, writers: subprocess.Popen[str], record_property: Callable[[str, object], None]
) -> None:
    killed = kill_again_and_again(store, writers, kills=220, seed=1_000)
    record_property("killed while at", dict(killed.most_common()))
    assert {"seal", "compact", "roll", "import", "track"} <= killed.keys()
