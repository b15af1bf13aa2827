"""G1: processes are killed while they send through ailing providers. Nothing is lost or doubled."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from chaos_field import (
    COLUMNS,
    LATER,
    SILENCE,
    field_of,
    killings,
    told,
    with_people,
    without_hangs,
)
from chaos_worker import AT_ANY_HOUR
from sqlalchemy import text

from segmind.consent.addresses import address_key
from segmind.consent.gate import Allowed, ContactRequest, may_contact
from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))


@pytest.mark.parametrize(
    ("each", "kills"),
    [
        (400, 2),
        pytest.param(
            int(os.environ.get("CHAOS_EACH", "70000")),
            int(os.environ.get("CHAOS_KILLS", "200")),
            marks=[pytest.mark.slow, pytest.mark.timeout(4 * 3600)],
        ),
    ],
)
def test_nothing_is_lost_or_doubled_by_kills(
    store: Store, database_url: str, tmp_path: Path, each: int, kills: int
) -> None:
    long = each > 1_000
    # Of the first tests of a run each has a fifth of a core, and reports are late by seconds.
    lease, grace = (20.0, 15.0) if long else (8.0, 10.0)
    # A shop waits for 30 minutes.
    silence = SILENCE if long else grace
    draw = random.Random(SEED)
    # A request that hangs takes ten seconds: only long runs have the time.
    plan = "mixed" if long else without_hangs()
    with field_of(store, database_url, tmp_path, seed=SEED, plan=plan) as field:
        field.people(each + LATER)
        for n, channel in enumerate(Channel, start=1):
            field.broadcast(channel, each, n)
        between = (100, max(101, 4 * each // kills)) if long else (50, 300)
        done = killings(
            field, draw, kills, lease=lease, grace=grace, silence=silence, between=between
        )
        field.go_on_sending(after=each)
        took = field.settle(3 * 3600 if long else 240)
        verdict = field.verdict()
        told(
            "kills", SEED, verdict, [f"kills={done}", f"settled after {took:.0f} s", field.states()]
        )
        verdict.require()
        assert field.states() == {"ACCEPTED": 3 * each + LATER}
        assert done == kills or not long


def test_a_run_may_send_at_every_hour_of_the_week(store: Store) -> None:
    key = address_key(store.settings.secret_key)
    with store.engine.begin() as conn:
        with_people(conn, 1)
        row = conn.execute(text("SELECT * FROM customer")).one()._mapping
        requests = [ContactRequest(row["id"], c, row[COLUMNS[c]]) for c in Channel]
        for hour in range(7 * 24):
            now = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)
            verdicts = may_contact(conn, key, AT_ANY_HOUR, requests, now)
            assert all(isinstance(verdict, Allowed) for verdict in verdicts), (now, verdicts)
