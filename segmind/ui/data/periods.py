"""From a chosen stretch to the period that analytics is asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from segmind.analytics.period import Grain, Period
from segmind.ui.data import workspace
from segmind.ui.store import now

#: So many calendar days up to now; or a first and a last day.
Asked = int | tuple[date, date]


def period_of(asked: Asked) -> Period:
    """The period in the workspace's zone, in buckets that a chart can show; never beyond now.

    Raises:
        InvalidPeriod: the days lie in the future or are reversed.
    """
    zone = workspace.settings().zone
    if isinstance(asked, int):
        return Period.last_days(asked, now(), zone, _grain(asked))
    first, last = asked
    since = datetime.combine(first, time(), zone).astimezone(UTC)
    until = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    until = min(until, now() + timedelta(microseconds=1))
    return Period(since, until, zone, _grain((last - first).days + 1))


def _grain(days: int) -> Grain:
    return "hour" if days <= 2 else "day" if days <= 92 else "week"
