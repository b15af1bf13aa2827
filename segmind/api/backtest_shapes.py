"""What requests for back-tests and simulations may say, and what is answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, BodyId, Instant
from segmind.automations.backtest.expected import Expected
from segmind.automations.backtest.result import Backtest
from segmind.automations.backtest.simulating import Simulated

#: Longer than any sensible back-test takes at full size; it protects the others.
MOST_SECONDS = 120.0


class Stretch(Body):
    """The period whose triggers are replayed: ``[since, until)``."""

    since: Instant | None = Field(
        default=None, description="First instant; left out: 60 days before until."
    )
    until: Instant | None = Field(default=None, description="Left out: now.")
    max_seconds: float | None = Field(
        default=None, gt=0, le=MOST_SECONDS, description="Refuse what would take longer."
    )


class BacktestVersion(Stretch):
    """A version of an automation over a period; ``against``: another version beside it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"since": "2026-10-01T00:00:00Z"}}
    )

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Default: present.")
    against: int | None = Field(default=None, ge=1, le=2**31 - 1, description="A second version.")


class BacktestDefinition(Stretch):
    """Any definition over a period, not saved; ``against``: another one beside it."""

    definition: dict[str, Any]
    against: dict[str, Any] | None = None


class SimulateVersion(Body):
    """A customer who is triggered at ``start`` (left out: now)."""

    customer_id: BodyId
    start: Instant | None = None
    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Default: present.")


class SimulateDefinition(Body):
    """The same for any definition, not saved."""

    customer_id: BodyId
    start: Instant | None = None
    definition: dict[str, Any]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class StepFiguresOut(_Out):
    """One step. ``outcomes``: runs by what happened there. Of a send step: messages that left, and
    those that did not by reason; ``cost_micros``: millionths of the currency unit."""

    step: str
    kind: str
    entered: int
    outcomes: dict[str, int]
    sent: int
    blocked: dict[str, int] | None
    cost_micros: int


class DayOut(_Out):
    """A calendar day of the workspace: runs begun, messages that left."""

    day: date
    entered: int
    sent: int


class PeakOut(_Out):
    """The most messages within one minute, or hour, by the clock."""

    messages: int
    at: datetime | None


class ReasonOut(_Out):
    """Why runs got no message; each run counts once."""

    key: str
    label: str
    runs: int


class OrganicOut(_Out):
    """Of ``counted`` runs that could be watched for so long, those that reached the goal within
    ``seconds`` of the last change (of the cart). ``share``: of all runs, by Kaplan and Meier."""

    seconds: int
    reached: int
    counted: int
    share: float | None


class FiguresOut(_Out):
    """What one definition would have done. ``entered`` = ``reached`` + the runs of ``reasons``."""

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
    steps: list[StepFiguresOut]
    days: list[DayOut]
    reasons: list[ReasonOut]
    per_minute: PeakOut
    per_hour: PeakOut
    hours: list[int] = Field(description="Messages by hour of the workspace's day.")
    organic: list[OrganicOut]
    notes: list[str] = Field(description="What is taken as of now, or cannot be told.")


class BacktestOut(FiguresOut):
    """A back-test; ``against``: of the second version or definition, if one was named."""

    against: FiguresOut | None = None


class ExpectedOut(BaseModel):
    """How many events a back-test reads one by one, and about how long it takes."""

    events: int
    seconds: float
    sentence: str


class VerdictOut(_Out):
    """One condition of a rule for the customer, with those that it consists of."""

    sentence: str
    met: bool
    detail: str
    children: list[VerdictOut]


class HappenedOut(_Out):
    """What happens at a step; ``why``: of a question, its conditions with their verdicts."""

    at: datetime
    step: str
    outcome: str
    detail: dict[str, Any] | None
    why: VerdictOut | None


class LetterOut(_Out):
    """A message; ``leaves_at`` is null where it would not leave, for the reason in ``blocked``."""

    step: str
    channel: str
    at: datetime
    leaves_at: datetime | None
    blocked: str
    title: str
    text: str


class SimulatedOut(_Out):
    """One customer's way. ``enters``: the entry filter's verdicts at the start, null without one.
    ``ended_at`` and ``reason`` are null while the run waits."""

    customer_id: int
    started_at: datetime
    enters: VerdictOut | None
    happened: list[HappenedOut]
    letters: list[LetterOut]
    ended_at: datetime | None
    reason: str | None


def figures_out(found: Backtest) -> FiguresOut:
    """A back-test as it is answered."""
    return FiguresOut.model_validate(found)


def backtest_out(found: Backtest, against: Backtest | None) -> BacktestOut:
    """One back-test, and the other beside it."""
    other = None if against is None else figures_out(against)
    return BacktestOut(**figures_out(found).model_dump(), against=other)


def expected_out(found: Expected) -> ExpectedOut:
    """What a back-test costs, as it is answered."""
    return ExpectedOut(events=found.events, seconds=round(found.seconds, 3), sentence=str(found))


def simulated_out(found: Simulated) -> SimulatedOut:
    """A simulation as it is answered."""
    return SimulatedOut.model_validate(found)
