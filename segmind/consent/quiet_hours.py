"""Quiet hours: not at night, wherever the customer may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from segmind.consent.zones import zone_info

#: How far ahead a common opening is looked for: a week sees every weekday, two see a clock change.
_HORIZON = timedelta(days=14)
_RESOLUTION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The quiet part of a day by the wall clock, ``[start, end)``; it may cross midnight.

    Equal start and end: no quiet hours at all.
    """

    start: time
    end: time

    def is_quiet(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether the wall clock of ``zone`` shows a quiet time at the instant ``at``."""
        wall = at.astimezone(zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def window(start: str | time, end: str | time) -> Window:
    """A window from wall times ("21:00")."""
    return Window(_wall(start), _wall(end))


def next_opening(quiet: Window, zones: Sequence[str], now: datetime) -> datetime | None:
    """The first instant from ``now`` on at which none of ``zones`` is in its quiet hours.

    That is ``now`` itself when all are open. None: there is no such instant (the zones' open
    hours never meet).
    """
    infos = [zone_info(name) for name in zones]
    at = now
    while at <= now + _HORIZON:
        ends = [_quiet_until(quiet, zone, at) for zone in infos if quiet.is_quiet(at, zone)]
        if not ends:
            return at
        at = max(ends)
    return None


def _quiet_until(quiet: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """The first instant after the quiet ``at`` at which ``zone`` is open.

    That is when its wall clock shows the window's end. An end that the clocks show twice counts
    the first time; an end that they leap over counts when they leap.
    """
    today = at.astimezone(zone).date()
    shown = [
        datetime.combine(today + timedelta(days=days), quiet.end, zone).replace(fold=fold)
        for days in (0, 1)
        for fold in (0, 1)
    ]
    # Reduced to UTC: aware arithmetic inside one zone would compare wall clocks.
    later = min(instant for wall in shown if (instant := wall.astimezone(at.tzinfo)) > at)
    if not quiet.is_quiet(later, zone) and quiet.is_quiet(later - _RESOLUTION, zone):
        return later
    return _first_open(quiet, zone, at, later + timedelta(hours=3))


def _first_open(quiet: Window, zone: ZoneInfo, closed: datetime, until: datetime) -> datetime:
    """Where between ``closed`` and ``until`` the zone opens, when a change of clocks moved it."""
    step = timedelta(minutes=15)
    probe = closed
    while probe < until and quiet.is_quiet(probe, zone):
        closed, probe = probe, probe + step
    while probe - closed > _RESOLUTION:
        middle = (closed + (probe - closed) / 2).replace(microsecond=0)
        if middle <= closed:
            break
        closed, probe = (middle, probe) if quiet.is_quiet(middle, zone) else (closed, middle)
    return probe.replace(microsecond=0) + (_RESOLUTION if probe.microsecond else timedelta(0))


def _wall(value: str | time) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)
