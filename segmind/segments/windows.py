"""Windows and durations as a marketer states them."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date, timedelta
from typing import Annotated, Literal, Self, assert_never

from pydantic import Field, model_validator

from segmind.events.spans import Span
from segmind.segments.fault import fault
from segmind.segments.moment import Moment
from segmind.segments.part import Part

Unit = Literal["minutes", "hours", "days", "weeks"]
Period = Literal["day", "week", "month", "quarter", "year"]

#: Longer than any shop has a log; keeps every sum of instants inside the calendar.
LONGEST = timedelta(days=36_500)


class Duration(Part):
    """A length of time: 30 days, 1 hour. A day is 24 hours, a week 168."""

    amount: int = Field(ge=0, le=10_000_000)
    unit: Unit = "days"

    @model_validator(mode="after")
    def _is_not_endless(self) -> Self:
        if self.length > LONGEST:
            raise fault("This is more than a hundred years.", "Leave the limit away, or use ever.")
        return self

    @property
    def length(self) -> timedelta:
        return timedelta(**{self.unit: self.amount})

    def __str__(self) -> str:
        return f"{self.amount:,} {self.unit[:-1] if self.amount == 1 else self.unit}"


class TimeWindow(Part):
    """When something must have happened to count."""

    @abstractmethod
    def span(self, at: Moment) -> Span:
        """The instants that count."""

    @abstractmethod
    def words(self) -> str:
        """The window as it ends a sentence: ``in the last 30 days``."""


class Last(TimeWindow):
    """The last so many minutes, hours, days or weeks, to the microsecond before the moment."""

    type: Literal["last"] = "last"
    amount: int = Field(ge=1, le=10_000_000)
    unit: Unit = "days"

    @model_validator(mode="after")
    def _is_not_endless(self) -> Self:
        Duration(amount=self.amount, unit=self.unit)
        return self

    @property
    def duration(self) -> Duration:
        return Duration(amount=self.amount, unit=self.unit)

    def span(self, at: Moment) -> Span:
        return at.last(self.duration.length)

    def words(self) -> str:
        one = {1: f"in the last {self.unit[:-1]}"}
        return one.get(self.amount, f"in the last {self.duration}")


class Between(TimeWindow):
    """Calendar days in the workspace's time zone, both included."""

    type: Literal["between"] = "between"
    since: date
    until: date

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.until < self.since:
            raise fault("The window ends before it begins.", "Put the earlier day in since.")
        if not (self.since.year >= 1900 and self.until.year <= 2200):
            raise fault("The window lies outside the calendar.", "Use days from 1900 to 2200.")
        return self

    def span(self, at: Moment) -> Span:
        return at.days(self.since, self.until)

    def words(self) -> str:
        if self.since == self.until:
            return f"on {day_words(self.since)}"
        return f"between {day_words(self.since)} and {day_words(self.until)}"


class Ago(TimeWindow):
    """From ``oldest`` ago (None: from the beginning) up to, but not including, ``newest`` ago.

    So ``ago`` with ``newest`` 30 days and ``last`` 30 days part the past between them.
    """

    type: Literal["ago"] = "ago"
    newest: Duration
    oldest: Duration | None = None

    @model_validator(mode="after")
    def _runs_backward(self) -> Self:
        if self.newest.amount == 0:
            raise fault("newest is now.", "Use last for a stretch that ends now.")
        if self.oldest is not None and self.oldest.length <= self.newest.length:
            raise fault("oldest is not longer ago than newest.", "Swap the two.")
        return self

    def span(self, at: Moment) -> Span:
        since = None if self.oldest is None else at.last(self.oldest.length).since
        return Span(since, at.last(self.newest.length).since)

    def words(self) -> str:
        if self.oldest is None:
            return f"more than {self.newest} ago"
        return f"between {self.oldest} and {self.newest} ago"


class Before(TimeWindow):
    """Before a calendar day in the workspace's time zone, which is not included."""

    type: Literal["before"] = "before"
    day: date

    @model_validator(mode="after")
    def _is_in_the_calendar(self) -> Self:
        _check_calendar(self.day)
        return self

    def span(self, at: Moment) -> Span:
        return at.before_day(self.day)

    def words(self) -> str:
        return f"before {day_words(self.day)}"


class Since(TimeWindow):
    """From a calendar day in the workspace's time zone on, which is included."""

    type: Literal["since"] = "since"
    day: date

    @model_validator(mode="after")
    def _is_in_the_calendar(self) -> Self:
        _check_calendar(self.day)
        return self

    def span(self, at: Moment) -> Span:
        return at.days(self.day, max(self.day, at.today))

    def words(self) -> str:
        return f"since {day_words(self.day)}"


class Calendar(TimeWindow):
    """This day, week (from Monday), month, quarter or year, or the one so many ``back``.

    In the workspace's time zone, as far as it has come: ``back`` 0 is the present one.
    """

    type: Literal["calendar"] = "calendar"
    period: Period
    back: int = Field(default=0, ge=0, le=1_000)

    def span(self, at: Moment) -> Span:
        return at.days(*period_days(self.period, at.today, self.back))

    def words(self) -> str:
        if self.period == "day":
            return {0: "today", 1: "yesterday"}.get(self.back, f"on the day {self.back} days ago")
        near = {0: f"this {self.period}", 1: f"last {self.period}"}
        return near.get(self.back, f"in the {self.period} {self.back} {self.period}s ago")


class Ever(TimeWindow):
    """Everything up to the moment."""

    type: Literal["ever"] = "ever"

    def span(self, at: Moment) -> Span:
        return at.ever()

    def words(self) -> str:
        return "ever"


Window = Annotated[
    Last | Between | Ago | Before | Since | Calendar | Ever, Field(discriminator="type")
]


def period_days(period: Period, today: date, back: int) -> tuple[date, date]:
    """The first and the last day of the period that lies ``back`` periods before today's."""
    match period:
        case "day":
            first = today - timedelta(days=back)
            return first, first
        case "week":
            first = today - timedelta(days=today.weekday() + 7 * back)
            return first, first + timedelta(days=6)
        case "month":
            return _months(today, 1, back)
        case "quarter":
            return _months(today, 3, back)
        case "year":
            return _months(today, 12, back)
    assert_never(period)


def _months(today: date, size: int, back: int) -> tuple[date, date]:
    """The block of ``size`` months of the year, ``back`` blocks before the one of ``today``."""
    block = (today.year * 12 + today.month - 1) // size - back
    first, after = (date((n * size) // 12, (n * size) % 12 + 1, 1) for n in (block, block + 1))
    return first, after - timedelta(days=1)


def _check_calendar(day: date) -> None:
    if not 1900 <= day.year <= 2200:
        raise fault("The day lies outside the calendar.", "Use days from 1900 to 2200.")


def day_words(day: date) -> str:
    """``5 March 2026``."""
    return f"{day.day} {day:%B %Y}"
