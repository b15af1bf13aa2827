"""Whose day has come: birthdays and days in traits, by the clocks of the customers' zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from segmind.automations.entry import Trigger
from segmind.automations.triggers import DateTrigger
from segmind.automations.wall_clock import shown
from segmind.automations.world import FactsWorld

#: Clocks of all zones show a given time at multiples of a quarter of an hour only.
QUARTER: Final = timedelta(minutes=15)
_TRAITS: Final = "traits."


def may_have_come(trigger: DateTrigger, after: datetime, until: datetime) -> bool:
    """Whether somewhere the clocks have come to the trigger's time in ``(after, until]``."""
    minutes = int(trigger.at[3:]) % 15
    first = until.replace(minute=until.minute // 15 * 15, second=0, microsecond=0)
    latest = first + timedelta(minutes=minutes)
    if latest > until:
        latest -= QUARTER
    return after < latest


def come(
    world: FactsWorld, trigger: DateTrigger, since: datetime, until: datetime
) -> list[Trigger]:
    """Customers whose moment lies in ``(since, until]``, each with the day as its occasion."""
    days = list(_days(since, until))
    rows = _with_day(world, trigger).filter(_falls_on(trigger, days)).collect()
    zones = world.zones(rows["customer_id"].to_list())
    found = []
    for customer_id, day in rows.iter_rows():
        for candidate in days:
            if _is_the_day(trigger, day, candidate):
                at = shown(candidate, trigger.at, zones[customer_id])
                if since < at <= until:
                    name = f"date:{candidate.isoformat()}"
                    found.append(Trigger(customer_id, at, name, occasion=name))
    return found


def _days(since: datetime, until: datetime) -> Iterator[date]:
    """The calendar days that it is somewhere in that time."""
    day = since.date() - timedelta(days=1)
    while day <= until.date() + timedelta(days=1):
        yield day
        day += timedelta(days=1)


def _with_day(world: FactsWorld, trigger: DateTrigger) -> pl.LazyFrame:
    """customer_id and day of those who have one."""
    if trigger.field.startswith(_TRAITS):
        # Traits are read as JSON: the name is quoted, and holds neither quote nor backslash.
        path = f'$["{trigger.field.removeprefix(_TRAITS)}"]'
        written = pl.col("traits").str.json_path_match(path).str.slice(0, 10)
        day = written.str.to_date("%Y-%m-%d", strict=False)
    else:
        day = pl.col(trigger.field)
    rows = world.facts.customers.select("customer_id", day.alias("day"))
    return rows.filter(pl.col("day").is_not_null())


def _falls_on(trigger: DateTrigger, days: list[date]) -> pl.Expr:
    """Whether the moment may lie on one of these days."""
    wanted = [day - timedelta(days=trigger.offset_days) for day in days]
    if not trigger.yearly:
        return pl.col("day").is_in(wanted)
    marks = {day.month * 100 + day.day for day in wanted}
    if 301 in marks:
        marks.add(229)
    mark = pl.col("day").dt.month().cast(pl.Int32) * 100 + pl.col("day").dt.day()
    return mark.is_in(sorted(marks))


def _is_the_day(trigger: DateTrigger, day: date, candidate: date) -> bool:
    origin = candidate - timedelta(days=trigger.offset_days)
    if not trigger.yearly:
        return day == origin
    return anniversary(day, origin.year) == origin and origin >= day


def anniversary(day: date, year: int) -> date:
    """The day in another year; 29 February is 1 March where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)
