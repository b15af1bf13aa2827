"""How the mere passing of time can change the answer of one condition, and when.

Without new events a condition's answer changes only at finitely many instants: when an event gets
as old as a length of time that the condition names, and when a calendar day turns that it counts
from. ``turns`` lists at least those instants; asking at each of them, and nowhere else, is exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events.schema import Kind
from segmind.events.spans import start_of
from segmind.segments.acts import event_code
from segmind.segments.comparison import Comparison
from segmind.segments.conditions.base import Condition
from segmind.segments.moment import TICK
from segmind.segments.part import Part
from segmind.segments.windows import Duration, Last, TimeWindow

#: Windows of fixed calendar days, and of days that move with the present one.
_FIXED_WINDOWS: Final = frozenset({"between", "before", "since"})
_MOVING_WINDOW: Final = "calendar"
#: Operators that count from the present day. ``in_month`` does where its value is ``current``.
_MOVING_OPERATORS: Final = frozenset(
    {"in_last_days", "more_than_days_ago", "in_next_days", "anniversary_in_days"}
)
#: What is counted by calendar day: moving it in time would change the count.
_BY_DAY: Final = frozenset({"distinct_days"})
#: Conditions whose answer depends on when the customer's own events were, and on nothing else.
_OWN_EVENTS: Final = frozenset(
    {"did", "recency", "occurrence", "sequence", "cart", "rate", "trend", "engagement"}
)
#: Conditions that compare the customer with others, or judge by a model of all of them.
_OTHERS: Final = frozenset({"rank", "rfm", "predicted"})
#: Conditions that name the events they look at, and those that look at none.
_OF_EVENTS: Final = frozenset(
    {"did", "recency", "occurrence", "sequence", "same_day", "rate", "trend"}
)
_OF_CUSTOMER: Final = frozenset({"trait", "reachable", "consent", "bucket"})
_YEARS_OF_ANNIVERSARIES: Final = 9


@dataclass(frozen=True, slots=True)
class Passing:
    """What of a condition moves with time.

    ``lags``: ages at which an event stops or begins to count. ``by_calendar``: days are counted
    from the present one. ``can_be_shifted``: only the distance between events and the moment
    matters, so moving all events is the same as moving the moment. ``of_others``: it compares the
    customer with others.
    """

    lags: frozenset[timedelta]
    by_calendar: bool
    can_be_shifted: bool
    of_others: bool

    @property
    def is_constant(self) -> bool:
        """Whether time alone never changes the answer (``of_others`` apart)."""
        return not self.lags and not self.by_calendar


def passing(condition: Condition) -> Passing:
    """What of a single condition (no group, no reference) moves with time."""
    lags: set[timedelta] = set()
    by_calendar = is_fixed = False
    for part in _parts(condition):
        if isinstance(part, Duration):
            lags.add(part.length)
        elif isinstance(part, Last):
            lags.add(part.duration.length)
        elif isinstance(part, TimeWindow):
            kind = getattr(part, "type", "")
            is_fixed |= kind in _FIXED_WINDOWS
            by_calendar |= kind == _MOVING_WINDOW
        elif isinstance(part, Comparison):
            by_calendar |= _moves(part)
    if condition.type == "trend":  # the stretch before ends where it is twice as long ago
        lags |= {2 * lag for lag in lags}
    by_day = getattr(condition, "metric", "") in _BY_DAY
    return Passing(
        lags=frozenset(lags),
        by_calendar=by_calendar,
        can_be_shifted=(condition.type in _OWN_EVENTS and not (by_calendar or is_fixed or by_day)),
        of_others=condition.type in _OTHERS,
    )


def turns(
    condition: Condition, events: pl.DataFrame, customer: dict[str, Any], zone: ZoneInfo,
    after: datetime,
) -> list[datetime]:  # fmt: skip
    """The instants after ``after``, ascending, at which the condition's answer can change.

    ``events`` are the customer's, with ``ts`` and ``properties``; ``customer`` is his row.
    """
    found = passing(condition)
    instants = set(_ages(events["ts"], found.lags))
    if found.by_calendar:
        days = set(_calendar_turns(condition, events, zone))
        days |= set(_operator_turns(condition, events, customer, zone, after))
        instants |= {start for day in days if (start := _start(day, zone)) is not None}
    return sorted(at for at in instants if at > after)


def kinds(condition: Condition, names: Mapping[str, int]) -> set[int] | None:
    """Codes of the stored events that a single condition looks at; None: of all there are.

    ``names`` are those of the log. A session is told by whatever happened in it.
    """
    if condition.type in _OF_CUSTOMER:
        return set()
    if condition.type == "cart":
        return {int(Kind.PRODUCT_ADDED), int(Kind.PRODUCT_REMOVED), int(Kind.ORDER_COMPLETED)}
    if condition.type == "engagement":
        return {int(Kind[f"MESSAGE_{getattr(condition, 'action', '').upper()}"])}
    if condition.type not in _OF_EVENTS:
        return None
    events = [getattr(part, name, None) for part in _parts(condition) for name in ("event", "per")]
    codes = [event_code(event, names) for event in events if isinstance(event, str)]
    if not codes or None in codes or int(Kind.SESSION) in codes:
        return None
    return {
        int(Kind.ORDER_COMPLETED) if c == Kind.ORDER else int(c) for c in codes if c is not None
    }


def _parts(part: Part) -> Iterator[Part]:
    """The part and everything that it is made of."""
    yield part
    for name in type(part).model_fields:
        value = getattr(part, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Part):
                yield from _parts(each)


def _moves(test: Comparison) -> bool:
    return test.op in _MOVING_OPERATORS or (test.op == "in_month" and test.value == "current")


def _ages(instants: pl.Series, lags: Iterable[timedelta]) -> Iterator[datetime]:
    """Every event at every age, and an instant later: a limit is met at one or at the other."""
    for ts in instants.unique().to_list():
        for lag in lags:
            if lag <= _LAST - ts:
                yield ts + lag
                yield ts + lag + TICK


def _calendar_turns(condition: Condition, events: pl.DataFrame, zone: ZoneInfo) -> Iterator[date]:
    """The days on which a period that holds an event becomes, or ceases to be, the one meant."""
    for part in _parts(condition):
        if not isinstance(part, TimeWindow) or getattr(part, "type", "") != _MOVING_WINDOW:
            continue
        period, back = getattr(part, "period", "day"), getattr(part, "back", 0)
        for day in _days(events, zone):
            for later in (back, back + 1):
                turn = _later_period(period, day, later)
                if turn is not None:
                    yield turn


def _later_period(period: str, day: date, later: int) -> date | None:
    """The first day of the period that comes ``later`` periods after the one that holds ``day``."""
    try:
        if period == "day":
            return day + timedelta(days=later)
        if period == "week":
            return day + timedelta(days=7 * later - day.weekday())
        size = {"month": 1, "quarter": 3, "year": 12}[period]
        month = ((day.year * 12 + day.month - 1) // size + later) * size
        return date(month // 12, month % 12 + 1, 1)
    except (OverflowError, ValueError):
        return None


def _operator_turns(
    condition: Condition,
    events: pl.DataFrame,
    customer: dict[str, Any],
    zone: ZoneInfo,
    after: datetime,
) -> Iterator[date]:
    moving = [p for p in _parts(condition) if isinstance(p, Comparison) and _moves(p)]
    if not moving:
        return
    known = _known_days(events, customer, zone)
    today = after.astimezone(zone).date()
    for test in moving:
        if test.op == "in_month":
            yield from (t for n in range(1, 14) if (t := _later_period("month", today, n)))
            continue
        n = int(test.value)
        for day in known:
            bases = _anniversaries(day, today) if test.op == "anniversary_in_days" else [day]
            for base in bases:
                yield from _around(base, n)


def _around(day: date, n: int) -> Iterator[date]:
    """Days at which a day comes to lie, or no longer lies, ``n`` days away; or is today."""
    for distance in (-n, 0, n):
        for near in (-1, 0, 1, 2):
            try:
                yield day + timedelta(days=distance + near)
            except OverflowError:
                continue


def _anniversaries(day: date, today: date) -> list[date]:
    first = today.year - 1
    found = []
    for year in range(first, min(first + _YEARS_OF_ANNIVERSARIES, date.max.year)):
        try:
            found.append(day.replace(year=year))
        except ValueError:  # 29 February comes round on the 28th
            found.append(date(year, 2, 28))
    return found


def _known_days(events: pl.DataFrame, customer: dict[str, Any], zone: ZoneInfo) -> set[date]:
    """Every calendar day that the customer's fields, traits and event properties speak of."""
    found: set[date] = set()
    for value in customer.values():
        if isinstance(value, datetime):
            found.add(value.astimezone(zone).date())
        elif isinstance(value, date):
            found.add(value)
    texts = [customer.get("traits"), *events["properties"].drop_nulls().unique().to_list()]
    for text in texts:
        held = json.loads(text) if text else {}
        for value in held.values() if isinstance(held, dict) else ():
            if isinstance(value, str) and (day := _day_in(value)) is not None:
                found.add(day)
    return found


def _day_in(text: str) -> date | None:
    """The day that a text begins with; of one that is not in the calendar the next that is."""
    parts = text[:10].split("-")
    if len(text) < 10 or [len(p) for p in parts] != [4, 2, 2] or not all(map(str.isdigit, parts)):
        return None
    year, month, day = (int(p) for p in parts)
    try:
        return date(year, month, day)
    except ValueError:
        pass
    after = year * 12 + month - (1 if month and day == 0 else 0)
    if year < 1 or month > 12:
        after = (year + 1) * 12 if year else 12
    return date(after // 12, after % 12 + 1, 1) if after // 12 <= date.max.year else None


def _days(events: pl.DataFrame, zone: ZoneInfo) -> list[date]:
    return events["ts"].dt.convert_time_zone(zone.key).dt.date().unique().to_list()


def _start(day: date, zone: ZoneInfo) -> datetime | None:
    try:
        return start_of(day, zone)
    except OverflowError:
        return None


_LAST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
