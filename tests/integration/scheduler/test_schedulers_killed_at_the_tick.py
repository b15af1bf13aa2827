"""G13: schedulers die at the very instant at which campaigns are due, and after a day's outage what
is late asks first."""

from __future__ import annotations

import os
import random
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.lifecycle import Status
from segmind.messages.lifecycle import State
from segmind.workspace import product_settings

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
EMAIL = {"channel": "email", "subject": "Hello", "body": "<p>Spring is here.</p>"}
EVERY_SECONDS = 4.0


def scheduled(office: Any, name: str, seconds: float) -> int:
    """A campaign to everybody, due so many seconds from now."""
    with office.store.engine.begin() as conn:
        made = campaigns.create(
            conn,
            name=name,
            channel="email",
            now=office.now,
            actor="test",
            segment_id=office.everybody,
            content=EMAIL,
            holdout_percent=0.0,
        )
        moves.schedule(conn, made.id, office.now + timedelta(seconds=seconds), office.now, "test")
    return int(made.id)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_each_run_starts_once_though_schedulers_die_at_the_tick(office: Any) -> None:
    count = int(os.environ.get("CHAOS_TICKS", "20"))
    draw = random.Random(SEED)
    office.customers(50)
    with office.store.engine.begin() as conn:
        # Everybody may get every campaign of this run.
        product_settings.save(conn, {"caps": {}}, "test", office.now)
    began = time.monotonic()
    late = [scheduled(office, f"Late {n}", 60.0) for n in range(3)]
    first = 90.0
    made = [scheduled(office, f"Run {n}", first + EVERY_SECONDS * n) for n in range(count)]
    with office.store.engine.begin() as conn:
        # The outage: nothing ran for a day, and these were due in it.
        conn.execute(
            text(
                "UPDATE campaign SET scheduled_at = now() - interval '24 hours' WHERE id = ANY(:i)"
            ),
            {"i": late},
        )
    for _ in range(2):
        office.start()
    kills = 0
    for n in range(count):
        tick = began + first + EVERY_SECONDS * n
        time.sleep(max(0.0, tick + draw.uniform(0.0, 1.2) - time.monotonic()))
        office.kill(draw.choice(office.running))
        kills += 1
        office.start(ready=False)
        office.leases_run_out()
    sent = "SELECT count(*) FROM campaign WHERE status = 'sent' AND id = ANY(:ids)"
    office.wait(lambda: office.one(sent, ids=made) == count, 600, "not every campaign was finished")
    runs = "SELECT count(*), count(DISTINCT campaign_id) FROM campaign_run"
    sys.stdout.write(f"\nticks (seed {SEED}): {count} campaigns, {kills} kills\n")
    assert office.rows(runs) == [(count, count)]
    # Who bounced or opted out in one of the first runs is kept out of the later ones.
    in_state = "SELECT count(*) FROM message WHERE state = :state"
    accepted = office.one(in_state, state=int(State.ACCEPTED))
    skipped = office.one(in_state, state=int(State.SKIPPED))
    messages = office.one("SELECT count(*) FROM message")
    excluded = office.one("SELECT count(*) FROM campaign_exclusion")
    sys.stdout.write(f"{accepted} sent, {skipped} skipped, {excluded} kept out\n")
    assert accepted + skipped == messages == 50 * count - excluded
    assert office.rows("SELECT count(*), max(times) FROM sandbox_parcel") == [(accepted, 1)]
    for campaign in late:
        asked = office.rows("SELECT status, problem FROM campaign WHERE id = :id", id=campaign)
        assert Status(asked[0][0]) is Status.MISSED
        assert "24.0 hours ago" in asked[0][1]
