"""Quiet hours: not at night, wherever the customer may be.

Hours are those of the wall clock, by weekday. Between two changes of its clocks a zone's wall clock
is UTC plus a constant, so the open hours of a zone are exact spans of instants: an hour that the
clocks show twice counts twice, one that they leap over never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from segmind.consent.zones import zone_info

_DAY: Final = 86_400
#: How far ahead a common opening is looked for: a week sees every weekday, two see a clock change.
_HORIZON: Final = 14 * _DAY
#: Clocks change days apart, so that two looks a few hours apart see each change.
_LOOK_EVERY: Final = 6 * 3600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: 1970-01-01 was a Thursday.
_FIRST_WEEKDAY: Final = 3

#: Spans ``[start, end)`` in ascending order that do not touch.
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Week:
    """When messages may be sent, by the wall clock: of each weekday (Monday first) the open spans
    in seconds of the day."""

    days: tuple[Spans, ...]

    @classmethod
    def outside(cls, start: str | time, end: str | time) -> Week:
        """Open except from ``start`` to ``end`` ("21:00" to "09:00" passes midnight); equal ends:
        always open."""
        first, last = _seconds(start), _seconds(end)
        spans = _tidy([(0, first), (last, _DAY)] if first <= last else [(last, first)])
        return cls((spans,) * 7)

    @classmethod
    def within(cls, hours: Sequence[tuple[str, str] | None]) -> Week:
        """Open on each weekday (Monday first) from the one to the other ("24:00" ends a day);
        None: all day."""
        days = [[(_seconds(h[0]), _seconds(h[1]))] if h else [(0, _DAY)] for h in hours]
        return cls(tuple(_tidy(spans) for spans in days))

    def __and__(self, other: Week) -> Week:
        """Open when both are."""
        return Week(tuple(_common(a, b) for a, b in zip(self.days, other.days, strict=True)))

    def is_quiet(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether the wall clock of ``zone`` shows a closed time at the instant ``at``."""
        wall = at.astimezone(zone)
        second = wall.hour * 3600 + wall.minute * 60 + wall.second
        return not any(start <= second < end for start, end in self.days[wall.weekday()])


class Opening(NamedTuple):
    """From when on and until when messages may be sent, of the first chance there is."""

    opens: datetime
    closes: datetime


def next_opening(week: Week, zones: Sequence[str], now: datetime) -> datetime | None:
    """The first instant from ``now`` on at which none of ``zones`` is in its quiet hours.

    That is ``now`` itself when all are open. None: there is no such instant (the zones' open
    hours never meet).
    """
    found = opening(week, tuple(zones), now)
    return found.opens if found else None


def opening(week: Week, zones: tuple[str, ...], now: datetime) -> Opening | None:
    """The first span from ``now`` on in which every zone is open; it may begin at ``now``."""
    since = (now - _EPOCH) / timedelta(seconds=1)
    first_day = int(since // _DAY)
    for start, end in _shared(week, zones, first_day):
        if end > since:
            opens = max(now, _EPOCH + timedelta(seconds=start))
            return Opening(opens, _EPOCH + timedelta(seconds=end))
    return None


@lru_cache(maxsize=4_096)
def _shared(week: Week, zones: tuple[str, ...], first_day: int) -> Spans:
    """The instants (seconds since 1970) from a UTC day on at which all zones are open."""
    shared: Spans | None = None
    for name in zones:
        spans = _open_spans(week, name, first_day)
        shared = spans if shared is None else _common(shared, spans)
    return shared or ()


@lru_cache(maxsize=4_096)
def _open_spans(week: Week, name: str, first_day: int) -> Spans:
    zone = zone_info(name)
    since = first_day * _DAY
    until = since + _HORIZON + _DAY
    spans: list[tuple[int, int]] = []
    for start, end, offset in _steady(zone, since, until):
        for day in range((start + offset) // _DAY, (end - 1 + offset) // _DAY + 1):
            midnight = day * _DAY - offset
            for opens, closes in week.days[(day + _FIRST_WEEKDAY) % 7]:
                first, last = max(start, midnight + opens), min(end, midnight + closes)
                if first < last:
                    spans.append((first, last))
    return _tidy(spans)


def _steady(zone: ZoneInfo, since: int, until: int) -> Iterable[tuple[int, int, int]]:
    """The stretches (start, end, seconds ahead of UTC) between changes of the zone's clocks."""
    start, offset = since, _offset(zone, since)
    for look in range(since + _LOOK_EVERY, until + _LOOK_EVERY, _LOOK_EVERY):
        later = min(look, until)
        if (new := _offset(zone, later)) == offset:
            continue
        low, high = later - _LOOK_EVERY, later
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
        yield start, high, offset
        start, offset = high, new
    yield start, until, offset


def _offset(zone: ZoneInfo, at: int) -> int:
    ahead = datetime.fromtimestamp(at, zone).utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())


def _common(a: Spans, b: Spans) -> Spans:
    out = []
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            out.append((start, end))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def _tidy(spans: Iterable[tuple[int, int]]) -> Spans:
    """Sorted, empty ones left out, touching ones made one."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def _seconds(wall: str | time) -> int:
    if isinstance(wall, time):
        return wall.hour * 3600 + wall.minute * 60 + wall.second
    hours, minutes = wall.split(":")
    return int(hours) * 3600 + int(minutes) * 60


#: No quiet hours at all.
ALWAYS: Final = Week.outside("00:00", "00:00")
