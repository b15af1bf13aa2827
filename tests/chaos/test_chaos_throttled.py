"""G10: a vendor that says "too many" or fails for a while is not hammered, and nobody is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from chaos_field import field_of, told

from segmind.channels.emulator.faults import CALM, Fault, FaultPlan, Kind
from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

TOO_MANY = FaultPlan("too many", (Fault(Kind.TOO_MANY, 1.0, seconds=1.0),))
FAILING = FaultPlan("failing", (Fault(Kind.ERROR, 1.0, status=503),))


@pytest.mark.parametrize(("plan", "seconds"), [(TOO_MANY, 60.0), (FAILING, 90.0)])
def test_an_ailing_vendor_is_left_alone_and_then_used_again(
    store: Store, database_url: str, tmp_path: Path, plan: FaultPlan, seconds: float
) -> None:
    each = 10_000
    with field_of(store, database_url, tmp_path, seed=SEED, plan="calm", noise="orderly") as field:
        field.people(each)
        field.broadcast(Channel.SMS, each, 1)
        field.emulator.set_plan(plan)
        field.start(lease=20.0, grace=3.0)
        time.sleep(seconds)
        during = field.emulator.status()["requests"]
        field.emulator.set_plan(CALM)
        healed = time.monotonic()
        field.settle(1800)
        requests = field.emulator.status()["requests"]
        attempts = field.value("SELECT count(*) FROM message WHERE error_class = 'exhausted'")
        verdict = field.verdict()
        told(
            plan.name, SEED, verdict,
            [f"requests={requests}", f"while ailing={during}",
             f"all sent {time.monotonic() - healed:.0f} s after it was well"],
        )  # fmt: skip
        verdict.require()
        assert attempts == 0
        # Look-ups of doubtful messages are requests too: at most one for each.
        assert requests <= 1.2 * each + verdict["doubted"]
