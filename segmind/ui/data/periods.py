"""From a chosen stretch to the period that analytics is asked for."""

from __future__ import annotations

from segmind.analytics.period import Grain, Period
from segmind.ui.data import workspace
from segmind.ui.store import now


def period_of(days: int) -> Period:
    """The last ``days`` calendar days, in buckets that a chart can show."""
    grain: Grain = "hour" if days <= 2 else "day" if days <= 92 else "week"
    return Period.last_days(days, now(), workspace.settings().zone, grain)
