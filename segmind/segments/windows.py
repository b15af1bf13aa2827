"""Windows and durations as a marketer states them."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segmind.events.spans import Span
from segmind.segments.fault import fault
from segmind.segments.moment import Moment
from segmind.segments.part import Part

Unit = Literal["minutes", "hours", "days", "weeks"]

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


class Ever(TimeWindow):
    """Everything up to the moment."""

    type: Literal["ever"] = "ever"

    def span(self, at: Moment) -> Span:
        return at.ever()

    def words(self) -> str:
        return "ever"


Window = Annotated[Last | Between | Ever, Field(discriminator="type")]


def day_words(day: date) -> str:
    """``5 March 2026``."""
    return f"{day.day} {day:%B %Y}"
