"""How a segment's size went by day, under its present rule, and how it changed in a week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from segmind.segments.day_files import DayFile
from segmind.segments.sizes import Size

#: How far back a change is told.
WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Course:
    """``sizes``: of the days that were kept without a gap, as each began or was first counted,
    oldest first; the newest count last. ``since``: the day a week before that count; ``then``: the
    size of that day, None where it was not kept.

    Counts are made every minute, at irregular times after a pause: only days are comparable. Days
    of another rule are left out.
    """

    sizes: tuple[int, ...]
    since: date
    then: int | None

    @classmethod
    def of(cls, kept: Sequence[DayFile], newest: Size, zone: ZoneInfo) -> Self:
        """The course of the segment whose days these are, oldest first; ``zone``: the workspace's,
        which days are of."""
        today = newest.as_of.astimezone(zone).date()
        days = {
            each.day: each.size
            for each in kept
            if each.rule_hash == newest.rule_hash and each.day < today
        }
        since = today - WEEK
        sizes = [newest.size]
        before = today - _DAY
        while before in days:
            sizes.append(days[before])
            before -= _DAY
        return cls(tuple(reversed(sizes)), since, days.get(since))

    @property
    def change(self) -> int | None:
        """By how many customers the segment changed since ``since``."""
        return None if self.then is None else self.sizes[-1] - self.then

    @property
    def growth(self) -> float | None:
        """The same as a share of the size of then; None of an empty one."""
        return self.sizes[-1] / self.then - 1 if self.then else None
