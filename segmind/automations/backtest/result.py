"""What a back-test found, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from segmind.automations.backtest.organic import Organic


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step. ``outcomes``: how many by what happened there (``numbers.StepCounts`` has the
    words). Of a send step: ``sent`` messages left, ``blocked`` did not, by reason;
    ``cost_micros`` is what those sent cost, in millionths of the currency unit."""

    step: str
    kind: str
    entered: int
    outcomes: Mapping[str, int]
    sent: int = 0
    blocked: Mapping[str, int] | None = None
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the workspace's zone: runs that began on it, messages that left on it."""

    day: date
    entered: int
    sent: int


@dataclass(frozen=True, slots=True)
class Peak:
    """The most messages in one minute (or hour) by the clock, and when it began; None: none."""

    messages: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why runs got no message: each run counts at one reason."""

    key: str
    label: str
    runs: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What an automation would have done with the triggers in ``[since, until)``, followed up to
    ``as_of``.

    ``entered`` = ``reached`` (got a message at least) + the runs of ``reasons``. ``triggers``: how
    many events (or days) may have started a run; ``overtaken``, ``filtered`` and ``too_late`` of
    them did not (the event that ends a run was known first; the entry filter; known more than a day
    after). ``hours``: messages by hour of the workspace's day, 24 of them. ``goals``: runs that the
    goal ended; ``waiting``: still under way at ``as_of``. ``notes``: what could not be told from
    the past, a sentence each.
    """

    since: datetime
    until: datetime
    as_of: datetime
    log_begins: datetime | None
    triggers: int
    overtaken: int
    filtered: int
    too_late: int
    entered: int
    people: int
    reached: int
    sent: int
    goals: int
    waiting: int
    cost_micros: int
    currency: str
    steps: tuple[StepFigures, ...]
    days: tuple[Day, ...]
    reasons: tuple[Reason, ...]
    per_minute: Peak
    per_hour: Peak
    hours: tuple[int, ...]
    organic: tuple[Organic, ...]
    notes: tuple[str, ...]

    @property
    def length_days(self) -> float:
        """How many days the period has."""
        return (self.until - self.since).total_seconds() / 86_400
