"""G3: workers are killed every few seconds for minutes; then the rate is what it is without."""

from __future__ import annotations

import itertools
import os
import random
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from chaos_field import Field, field_of, told

from segmind.db.engine import Store
from segmind.events.schema import Channel

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "300"))
EACH = int(os.environ.get("CHAOS_EACH", "200000"))
#: The rate is that of so many seconds.
MEASURED = 60.0


class Broadcasts:
    """Campaigns on all channels, so that none ever runs out of recipients."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._sources = itertools.count(1)

    def fill(self, least: int) -> None:
        """Send to everybody once more wherever fewer than ``least`` recipients wait."""
        for channel in Channel:
            while self._field.not_yet_taken(channel) < least:
                self._field.broadcast(channel, EACH, next(self._sources))


def calm_field(store: Store, url: str, folder: Path) -> AbstractContextManager[Field]:
    """Vendors without a fault, in a folder of their own."""
    folder.mkdir()
    return field_of(store, url, folder, seed=SEED, plan="calm", noise="orderly")


def rate(field: Field, seconds: float) -> float:
    """Messages a second that the vendors take."""
    before, began = field.accepted_count(), time.monotonic()
    time.sleep(seconds)
    return (field.accepted_count() - before) / (time.monotonic() - began)


def rate_after(field: Field, is_killed: bool) -> float:
    """The rate of two senders after SECONDS, in which one was killed every 5 seconds, or none."""
    draw = random.Random(SEED)
    field.people(EACH)
    broadcasts = Broadcasts(field)
    broadcasts.fill(EACH)
    for _ in range(2):
        field.start(lease=20.0, grace=5.0)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(5.0)
        if is_killed:
            field.workers.pop(draw.randrange(len(field.workers))).kill()
            field.start(lease=20.0, grace=5.0)
        broadcasts.fill(EACH // 2)
    broadcasts.fill(EACH)
    field.wait_for_progress(1_000)
    after = rate(field, MEASURED)
    left = {channel.label: field.not_yet_taken(channel) for channel in Channel}
    assert all(left.values()), f"A channel ran out of recipients, raise CHAOS_EACH: {left}"
    field.stop()
    return after


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_after_repeated_kills_the_rate_is_what_it_would_have_been(
    store: Store, database_url: str, other_store: tuple[Store, str], tmp_path: Path
) -> None:
    # A run of its own to compare with: as tables grow to a million messages and reports come in,
    # PostgreSQL has more to vacuum, and the rate falls by a third without any kill.
    other, other_url = other_store
    with calm_field(other, other_url, tmp_path / "without") as field:
        without = rate_after(field, is_killed=False)
    with calm_field(store, database_url, tmp_path / "killed") as field:
        after = rate_after(field, is_killed=True)
        doubles = field.doubles()
    told(
        "repeated kills", SEED, doubles,
        [f"without={without:.0f}/s", f"after={after:.0f}/s", f"recovery={after / without:.0%}"],
    )  # fmt: skip
    assert not doubles["sms"]
    assert not doubles["email"]
    assert after >= 0.95 * without
