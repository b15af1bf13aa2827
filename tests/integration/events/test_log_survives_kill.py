"""kill -9 in the middle of writing, sealing, rolling and compacting: every event exactly once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from segmind.db.engine import Store
from segmind.events import catalogue, keys, log, rollup, sweep
from segmind.events.schema import Kind
from segmind.settings import ROOT
from tests.integration.events import crashing_writer

ZONE = ZoneInfo("Europe/Berlin")


def written_until_killed(store: Store, url: str, seed: int, batch: int, after: float) -> list[str]:
    """Let the writer run for ``after`` seconds, kill it; returns the lines that it printed."""
    script = str(Path(crashing_writer.__file__))
    arguments = [url, str(store.settings.home), str(seed), str(batch)]
    with subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    ) as process:
        lines: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda out: lines.extend(out), args=[process.stdout])
        reader.start()
        while not lines and process.poll() is None:
            time.sleep(0.01)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reader.join()
        assert process.returncode == -signal.SIGKILL, "the writer failed by itself"
    return [line.strip() for line in lines]


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


def kill_again_and_again(store: Store, url: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    sure: set[int] = set()
    batch = 0
    for number in range(kills):
        lines = written_until_killed(store, url, seed + number, batch, chance.uniform(0, 0.6))
        begun = {int(line.split()[1]) for line in lines if line.startswith("begin")}
        done = {int(line.split()[1]) for line in lines if line.startswith("done")}
        sure = assert_each_once(store, sure | done, begun - done)
        batch = max(begun, default=batch) + 1
    rollup.roll(store, ZONE, crashing_writer.BASE + timedelta(days=5))
    assert_each_once(store, sure, set())
    sweep.remove_retired(store, older_than=timedelta(0))
    sweep.sweep_orphans(store, older_than=timedelta(0))
    on_disk = {p.relative_to(store.lake).as_posix() for p in store.lake.rglob("*") if p.is_file()}
    with store.engine.connect() as conn:
        assert on_disk == catalogue.known_paths(conn)
    assert_each_once(store, sure, set())


def test_a_killed_writer_loses_nothing_and_doubles_nothing(store: Store, database_url: str) -> None:
    kill_again_and_again(store, database_url, kills=8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_writer_killed_two_hundred_times_loses_nothing(store: Store, database_url: str) -> None:
    kill_again_and_again(store, database_url, kills=200, seed=1_000)
