"""When a clock on the wall next shows a time, in a zone with its changes of clocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segmind.automations.part import WEEKDAYS
from segmind.automations.triggers import ScheduleTrigger


def shown(day: date, at: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the zone's clocks show ``at`` on that day.

    A time that a change of clocks leaves out comes as late as it is left out; one that comes twice
    is the first.
    """
    return datetime.combine(day, time.fromisoformat(at), zone).astimezone(UTC)


def next_time(since: datetime, at: str, weekdays: Collection[str], zone: ZoneInfo) -> datetime:
    """The first instant, not before the minute of ``since``, at which it is ``at`` on such days."""
    minute = since.replace(second=0, microsecond=0)
    day = since.astimezone(zone).date()
    while True:
        if not weekdays or WEEKDAYS[day.weekday()] in weekdays:
            instant = shown(day, at, zone)
            if instant >= minute:
                return max(instant, since)
        day += timedelta(days=1)


def occurrences(
    trigger: ScheduleTrigger, after: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Every time that the schedule comes round in ``(after, until]``, ascending."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    last = until.astimezone(zone).date()
    while day <= last:
        if _is_its_day(trigger, day) and after < (at := shown(day, trigger.at, zone)) <= until:
            yield at
        day += timedelta(days=1)


def _is_its_day(trigger: ScheduleTrigger, day: date) -> bool:
    if trigger.every == "week":
        return WEEKDAYS[day.weekday()] == trigger.weekday
    return trigger.every == "day" or day.day == trigger.day
