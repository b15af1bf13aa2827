"""Times of day by everybody's own clock, for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from segmind.automations.backtest.past import instant, micros
from segmind.automations.part import WEEKDAYS
from segmind.automations.steps import WaitUntil
from segmind.automations.wall_clock import shown

_MINUTE: Final = 60_000_000


def next_times(
    customers: np.ndarray, since: np.ndarray, step: WaitUntil, zones: Mapping[int, ZoneInfo]
) -> np.ndarray:
    """``wall_clock.next_time`` for each: the first instant, not before the minute of ``since``, at
    which the clock of the customer's zone shows the step's time on one of its weekdays."""
    found = np.zeros(since.shape, dtype=np.int64)
    if not since.size:
        return found
    names = np.array([zones[customer].key for customer in customers.tolist()])
    minutes = since - since % _MINUTE
    first, last = instant(int(since.min())), instant(int(since.max()))
    for name in np.unique(names):
        zone = ZoneInfo(str(name))
        day = first.astimezone(zone).date() - timedelta(days=1)
        times = []
        while day <= last.astimezone(zone).date() + timedelta(days=9):
            if not step.weekdays or WEEKDAYS[day.weekday()] in step.weekdays:
                times.append(micros(shown(day, step.at, zone)))
            day += timedelta(days=1)
        mine = np.flatnonzero(names == name)
        # From the customer's calendar day on, as the engine looks.
        found[mine] = np.array(times)[np.searchsorted(times, minutes[mine])]
    later: np.ndarray = np.maximum(found, since)
    return later
