"""G11: workers are stopped for longer than their leases and wake up; their clocks are wrong."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from chaos_field import LATER, SILENCE, field_of, told, without_hangs

from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
EACH = int(os.environ.get("CHAOS_EACH", "60000"))
STOPS = int(os.environ.get("CHAOS_STOPS", "10"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_who_wakes_up_after_its_lease_sends_nothing_twice(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    lease = 3.0
    with field_of(store, database_url, tmp_path, seed=SEED, plan=without_hangs()) as field:
        field.people(EACH + LATER)
        for n, channel in enumerate(Channel, start=1):
            field.broadcast(channel, EACH, n)
        for shift in (600.0, -600.0):
            field.start(lease=lease, grace=4.0, silence=SILENCE, clock_shift=shift)
        for _ in range(STOPS):
            time.sleep(draw.uniform(0.05, 1.0))
            assert field.unsettled(), "Too few messages: raise CHAOS_EACH."
            victim = draw.choice(field.workers)
            victim.signal(signal.SIGSTOP)
            time.sleep(lease * draw.uniform(1.0, 3.0))
            victim.signal(signal.SIGCONT)
        field.go_on_sending(after=EACH)
        field.settle(1800)
        verdict = field.verdict()
        told("stops", SEED, verdict, [f"stops={STOPS}"])
        verdict.require()
