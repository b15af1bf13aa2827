"""kill -9 in the middle of a broadcast: nobody is left out, nobody is written to twice.

The judge is the carrier's own book, written in its own transactions at acceptance.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sending_bench import Bench
from sqlalchemy import text

from segmind import clock
from segmind.messages.lifecycle import State

SCRIPT = Path(__file__).with_name("doomed_dispatcher.py")
ROOT = Path(__file__).resolve().parents[3]


def process(bench: Bench, url: str, lease: float, batch: int) -> subprocess.Popen[str]:
    home = str(bench.store.settings.home)
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), url, home, str(lease), str(batch)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def handed_over(bench: Bench) -> int:
    return int(str(bench.value("SELECT count(*) FROM sandbox_parcel")))


def kill_somewhere(bench: Bench, doomed: subprocess.Popen[str], draw: random.Random) -> bool:
    """Kill it after it has handed over a little more; False: it was done before."""
    before = handed_over(bench)
    goal = before + draw.randint(30, 150)
    deadline = time.monotonic() + 60
    while handed_over(bench) < goal and doomed.poll() is None:
        assert time.monotonic() < deadline, "The dispatcher does not get on."
        time.sleep(draw.random() * 0.02)
    alive = doomed.poll() is None
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    return alive


@pytest.mark.parametrize(
    ("recipients", "kills"),
    # The chaos runs kill by default too, on three channels.
    [
        pytest.param(2_000, 3, marks=pytest.mark.slow),
        pytest.param(20_000, 5, marks=pytest.mark.slow),
    ],
)
def test_everybody_is_handed_over_once(
    bench: Bench, database_url: str, recipients: int, kills: int
) -> None:
    people = bench.customers(recipients)
    assert bench.broadcast(people, bench.version(), now=clock.now()) == recipients
    draw = random.Random(20_260_302)
    killed = 0
    for _ in range(kills):
        doomed = process(bench, database_url, lease=1.5, batch=20)
        killed += kill_somewhere(bench, doomed, draw)
    assert killed == kills, "The broadcast was over before the last kill."
    interrupted = bench.states()
    survivor = process(bench, database_url, lease=1.5, batch=20)
    out, _ = survivor.communicate(timeout=240)
    assert "done" in out

    book = bench.rows("SELECT count(*), sum(times), max(times) FROM sandbox_parcel")
    assert book == [(recipients, recipients, 1)]
    assert bench.states() == {State.ACCEPTED: recipients}
    assert sum(interrupted.values()) == recipients
    doubted = bench.value("SELECT count(*) FROM attempt WHERE code = 'interrupted'")
    sys.stdout.write(f"{kills} kills, {doubted} messages in doubt and settled\n")
    sent_events = "SELECT count(DISTINCT message_id) FROM event_recent WHERE kind = 10"
    assert bench.value(sent_events) == recipients
    with bench.store.engine.connect() as conn:
        counted = conn.execute(
            text("SELECT sum(cardinality(days)), max(cardinality(days)) FROM contact_book")
        ).one()
    assert tuple(counted) == (recipients, 1)
