"""G11: workers are stopped for longer than their leases and wake up; their clocks are wrong."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from chaos_field import field_of, told, without_hangs

from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_who_wakes_up_after_its_lease_sends_nothing_twice(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    lease, each, stops = 6.0, 5_000, int(os.environ.get("CHAOS_STOPS", "20"))
    with field_of(store, database_url, tmp_path, seed=SEED, plan=without_hangs()) as field:
        field.people(each)
        for n, channel in enumerate(Channel, start=1):
            field.broadcast(channel, each, n)
        for shift in (600.0, -600.0):
            field.start(lease=lease, grace=4.0, clock_shift=shift)
        done = 0
        for _ in range(stops):
            time.sleep(draw.uniform(0.05, 1.0))
            if not field.unsettled():
                break
            victim = draw.choice(field.workers)
            victim.signal(signal.SIGSTOP)
            time.sleep(lease * draw.uniform(1.0, 3.0))
            victim.signal(signal.SIGCONT)
            done += 1
        field.settle(1800)
        verdict = field.verdict()
        told("stops", SEED, verdict, [f"stops={done}"])
        verdict.require()
