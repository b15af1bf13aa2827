"""The period that a question is about, and its buckets in the workspace's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import polars as pl

from segmind.errors import InvalidInput

Grain = Literal["hour", "day", "week", "month"]
_EVERY: Final[dict[Grain, str]] = {"hour": "1h", "day": "1d", "week": "1w", "month": "1mo"}
#: More points than this say nothing on a chart and weigh on the browser.
MOST_BUCKETS: Final = 2_000


class InvalidPeriod(InvalidInput):
    """The period is not valid."""

    code = "invalid_period"
    hint = "Give a start before the end, and an interval that fits: hour, day, week or month."


@dataclass(frozen=True, slots=True)
class Period:
    """``[since, until)``, aware instants; buckets are calendar hours, days, weeks or months in
    ``zone`` (weeks start on Monday).

    Raises:
        InvalidPeriod: naive or reversed instants, or more than ``MOST_BUCKETS`` buckets.
    """

    since: datetime
    until: datetime
    zone: ZoneInfo
    grain: Grain = "day"

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise InvalidPeriod("A period needs aware instants.", field="since")
        if self.since >= self.until:
            raise InvalidPeriod("The period ends before it starts.", field="since")
        hours = {"hour": 1, "day": 24, "week": 168, "month": 672}[self.grain]
        if (self.until - self.since) / timedelta(hours=hours) > MOST_BUCKETS:
            raise InvalidPeriod(
                f"The period has more than {MOST_BUCKETS} {self.grain}s.", field="grain"
            )

    @classmethod
    def last_days(cls, days: int, now: datetime, zone: ZoneInfo, grain: Grain = "day") -> Period:
        """The ``days`` calendar days in ``zone`` that end with today; up to and with ``now``."""
        today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        since = today.replace(tzinfo=None) - timedelta(days=days - 1)
        return cls(
            since.replace(tzinfo=zone).astimezone(UTC),
            now.astimezone(UTC) + timedelta(microseconds=1),
            zone,
            grain,
        )

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def before(self) -> Period:
        """The period of the same length that ends where this one starts."""
        return Period(self.since - self.length, self.since, self.zone, self.grain)

    def bucket(self, instant: pl.Expr) -> pl.Expr:
        """The start of each instant's bucket: naive local time in ``zone`` (Datetime("us"))."""
        local = instant.dt.convert_time_zone(self.zone.key).dt.replace_time_zone(None)
        return local.dt.truncate(_EVERY[self.grain])

    def bucket_of_day(self, day: pl.Expr) -> pl.Expr:
        """The start of each calendar day's bucket (for grains of a day and longer)."""
        return day.cast(pl.Datetime("us")).dt.truncate(_EVERY[self.grain])

    def buckets(self) -> pl.DataFrame:
        """Every bucket that the period touches: ``bucket`` Datetime("us"), naive local, ordered."""
        ends = pl.DataFrame(
            {"at": [self.since, self.until - timedelta(microseconds=1)]},
            schema={"at": pl.Datetime("us", "UTC")},
        ).select(self.bucket(pl.col("at")))["at"]
        starts = pl.datetime_range(ends[0], ends[1], _EVERY[self.grain], eager=True)
        return pl.DataFrame({"bucket": starts.cast(pl.Datetime("us"))})
