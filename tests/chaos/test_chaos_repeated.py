"""G3: workers are killed every few seconds for minutes; afterwards the rate is what it was."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from chaos_field import Field, field_of, told

from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "300"))
EACH = int(os.environ.get("CHAOS_EACH", "150000"))


def rate(field: Field, seconds: float) -> float:
    """Messages a second that the vendors take."""
    before, began = field.accepted_count(), time.monotonic()
    time.sleep(seconds)
    return (field.accepted_count() - before) / (time.monotonic() - began)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_after_repeated_kills_the_rate_is_what_it_was(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    with field_of(store, database_url, tmp_path, seed=SEED, plan="calm", noise="orderly") as field:
        field.people(EACH)
        for n, channel in enumerate(Channel, start=1):
            field.broadcast(channel, EACH, n)
        for _ in range(2):
            field.start(lease=20.0, grace=5.0)
        field.wait_for_progress(1_000)
        before = rate(field, 30.0)
        until, kills = time.monotonic() + SECONDS, 0
        while time.monotonic() < until:
            time.sleep(5.0)
            field.workers.pop(draw.randrange(len(field.workers))).kill()
            field.start(lease=20.0, grace=5.0)
            kills += 1
        field.wait_for_progress(1_000)
        assert field.unsettled() > 30 * before, "Too few messages: raise CHAOS_EACH."
        after = rate(field, 30.0)
        field.stop()
        verdict = field.doubles()
        told(
            "repeated kills", SEED, verdict,
            [f"kills={kills}", f"before={before:.0f}/s", f"after={after:.0f}/s",
             f"recovery={after / before:.0%}"],
        )  # fmt: skip
        assert not verdict["sms"]
        assert not verdict["email"]
        assert after >= 0.95 * before
