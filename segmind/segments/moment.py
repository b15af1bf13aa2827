"""The moment at which a rule is asked, and the spans of time that it turns windows into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from segmind.events.spans import Span, start_of

#: The log counts in microseconds, so this is the first instant after another one.
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """``as_of`` (aware) and the time zone whose calendar days count.

    What happened at ``as_of`` itself has happened; what happened later does not exist.
    """

    as_of: datetime
    zone: ZoneInfo

    @property
    def horizon(self) -> datetime:
        """The first instant that does not exist yet."""
        return self.as_of.astimezone(UTC) + TICK

    @property
    def today(self) -> date:
        """The calendar day of ``as_of`` in the zone."""
        return self.as_of.astimezone(self.zone).date()

    def ever(self) -> Span:
        """Everything up to now."""
        return Span(None, self.horizon)

    def last(self, length: timedelta) -> Span:
        """The last ``length`` up to now, to the microsecond (7 days are 168 hours)."""
        return Span(self.as_of.astimezone(UTC) - length, self.horizon)

    def before_last(self, length: timedelta) -> Span:
        """The span of the same length that came just before ``last(length)``."""
        end = self.as_of.astimezone(UTC) - length
        return Span(end - length, end)

    def days(self, first: date, last: date) -> Span:
        """The calendar days from ``first`` to ``last``, both included, as far as they have come."""
        since = start_of(first, self.zone)
        until = min(start_of(last + timedelta(days=1), self.zone), self.horizon)
        return Span(since, max(since, until))

    def before_day(self, day: date) -> Span:
        """Everything before a calendar day, as far as it has come."""
        return Span(None, min(start_of(day, self.zone), self.horizon))
