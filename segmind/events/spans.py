"""Stretches of time, half-open: ``since`` belongs to a span, ``until`` does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl


@dataclass(frozen=True, slots=True)
class Span:
    """``[since, until)``; None is without a bound. Instants are aware and become UTC."""

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            value: datetime | None = getattr(self, name)
            if value is None:
                continue
            if value.tzinfo is None:
                raise ValueError(f"{name} must be aware: give it tzinfo=UTC.")
            object.__setattr__(self, name, value.astimezone(UTC))

    @property
    def is_empty(self) -> bool:
        return self.since is not None and self.until is not None and self.since >= self.until

    def holds(self, instant: pl.Expr) -> pl.Expr:
        """Whether an instant column lies in the span."""
        inside = pl.lit(True)
        if self.since is not None:
            inside = instant >= _literal(self.since)
        if self.until is not None:
            before = instant < _literal(self.until)
            inside = before if self.since is None else inside & before
        return inside

    def meets(self, first: datetime, last: datetime) -> bool:
        """Whether the span and the closed stretch ``[first, last]`` have an instant in common."""
        return (self.since is None or last >= self.since) and (
            self.until is None or first < self.until
        )

    def meets_span(self, other: Span) -> bool:
        """Whether the two have an instant in common; neither is empty."""
        return (self.since is None or other.until is None or self.since < other.until) and (
            self.until is None or other.since is None or other.since < self.until
        )

    def covers(self, other: Span) -> bool:
        """Whether all of ``other`` (which has both bounds) lies in this span."""
        assert other.since is not None
        assert other.until is not None
        return (self.since is None or self.since <= other.since) and (
            self.until is None or other.until <= self.until
        )


ALWAYS = Span()


def any_holds(spans: Sequence[Span], instant: pl.Expr) -> pl.Expr:
    """Whether an instant column lies in one of the spans."""
    if not spans:
        return pl.lit(False)
    inside = spans[0].holds(instant)
    for span in spans[1:]:
        inside = inside | span.holds(instant)
    return inside


def minus(whole: Span, parts: Sequence[Span]) -> list[Span]:
    """What is left of ``whole`` without ``parts``, in order of time."""
    left: list[Span] = []
    since, until = whole.since, whole.until
    for part in sorted(parts, key=lambda p: p.since or _EARLIEST):
        if part.is_empty:
            continue
        if since is not None and until is not None and since >= until:
            return left
        if part.since is not None and (since is None or since < part.since):
            left.append(Span(since, _earlier(part.since, until)))
        if part.until is None:
            return left
        since = part.until if since is None else max(since, part.until)
    rest = Span(since, until)
    return left if rest.is_empty else [*left, rest]


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a calendar day in ``zone``, in UTC, also where midnight is skipped."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def day_span(day: date, zone: ZoneInfo) -> Span:
    """A calendar day of ``zone``: 23 to 25 hours where the clocks change."""
    return Span(start_of(day, zone), start_of(day + timedelta(days=1), zone))


def day_of(instant: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    """The calendar day of an instant column in ``zone``."""
    return instant.dt.convert_time_zone(zone.key).dt.date()


@lru_cache(maxsize=512)
def _literal(instant: datetime) -> pl.Expr:
    """Half a millisecond of Polars' time, and a question's bounds come up in it many times."""
    return pl.lit(instant)


def _earlier(instant: datetime, bound: datetime | None) -> datetime:
    return instant if bound is None else min(instant, bound)


_EARLIEST = datetime.min.replace(tzinfo=UTC)
