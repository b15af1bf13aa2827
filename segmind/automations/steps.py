"""The kinds of steps. A new kind is one class here, one function in ``acting``, and the same in
columns in ``backtest.doing``.

A step goes on to the one below it unless it names another; ``"end"`` leaves.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from segmind.automations.part import (
    END,
    ChannelName,
    EventName,
    Part,
    RuleJson,
    StepId,
    WallTime,
    Weekday,
    Where,
)

#: The longest wait: a year. What is meant to be longer is a date, or a segment.
LONGEST_WAIT_SECONDS = 366 * 86_400
HOLDOUT = "holdout"


@dataclass(frozen=True, slots=True)
class Way:
    """One way on from a step. ``named``: a step's id, END, or None for the step below;
    ``field``: where the definition says so."""

    label: str
    named: str | None
    field: str


class _Step(Part):
    id: StepId

    @abstractmethod
    def leads_to(self) -> tuple[Way, ...]:
        """Every way on, in the order in which it is told."""


class _Straight(_Step):
    next: StepId | None = None

    def leads_to(self) -> tuple[Way, ...]:
        return (Way("", self.next, "next"),)


class Wait(_Straight):
    """Let time pass, counted from when the run came to the step (the first: from the trigger).

    An event named in ``restart_on`` starts the wait anew: "one hour without a change of the cart".
    """

    kind: Literal["wait"] = "wait"
    seconds: int = Field(ge=1, le=LONGEST_WAIT_SECONDS)
    restart_on: tuple[EventName, ...] = Field(default=(), max_length=10)


class WaitUntil(_Straight):
    """Wait until the clock shows ``at`` in the customer's zone, on one of ``weekdays`` (any day
    where none is named). Whoever comes at that very minute goes on."""

    kind: Literal["wait_until"] = "wait_until"
    at: WallTime
    weekdays: tuple[Weekday, ...] = Field(default=(), max_length=7)


class WaitFor(_Step):
    """Wait until the customer does something after coming here, at most ``seconds``; one way for
    those who did (``done``), another one when time is up (``timed_out``)."""

    kind: Literal["wait_for"] = "wait_for"
    event: EventName
    where: Where = ()
    seconds: int = Field(ge=1, le=LONGEST_WAIT_SECONDS)
    done: StepId | None = None
    timed_out: StepId | None = None

    def leads_to(self) -> tuple[Way, ...]:
        return (Way("done", self.done, "done"), Way("timed out", self.timed_out, "timed_out"))


class WaitRhythm(_Step):
    """Wait as long as the customer usually lets pass between two of these events.

    Usually: the median of the times between them within the last two years, for customers with at
    least ``least`` of them; times ``percent`` / 100, at least ``min_days`` and at most
    ``max_days``, counted from the latest of the events. Who has no rhythm yet goes to ``unknown``.
    """

    kind: Literal["wait_rhythm"] = "wait_rhythm"
    event: EventName = "order"
    percent: int = Field(default=90, ge=10, le=300)
    least: int = Field(default=3, ge=2, le=20)
    min_days: int = Field(default=3, ge=1, le=366)
    max_days: int = Field(default=180, ge=1, le=366)
    next: StepId | None = None
    unknown: StepId | None = END

    @model_validator(mode="after")
    def _in_order(self) -> WaitRhythm:
        if self.min_days > self.max_days:
            raise ValueError("min_days must not be larger than max_days")
        return self

    def leads_to(self) -> tuple[Way, ...]:
        return (Way("then", self.next, "next"), Way("no rhythm", self.unknown, "unknown"))


class Condition(_Step):
    """Ask a segment rule of the customer, as of that moment; go one way or the other."""

    kind: Literal["condition"] = "condition"
    rule: RuleJson
    yes: StepId | None = None
    no: StepId | None = END

    def leads_to(self) -> tuple[Way, ...]:
        return (Way("yes", self.yes, "yes"), Way("no", self.no, "no"))


class Branch(Part):
    """One arm of a split. A holdout leaves at once, with that reason, so that lift can be told."""

    name: str = Field(pattern=r"^[\w -]{1,40}$")
    percent: float = Field(gt=0, le=100)
    next: StepId | None = None
    holdout: bool = False


class Split(_Step):
    """Part customers by chance, for ever the same way: by a hash of customer, automation, step."""

    kind: Literal["split"] = "split"
    branches: tuple[Branch, ...] = Field(min_length=2, max_length=10)

    @model_validator(mode="after")
    def _adds_up(self) -> Split:
        if abs(sum(branch.percent for branch in self.branches) - 100) > 1e-6:
            raise ValueError("the percents of the branches must add up to 100")
        if len({branch.name for branch in self.branches}) < len(self.branches):
            raise ValueError("two branches have the same name")
        return self

    def leads_to(self) -> tuple[Way, ...]:
        return tuple(
            Way(branch.name, END if branch.holdout else branch.next, f"branches[{n}].next")
            for n, branch in enumerate(self.branches)
        )


class Option(Part):
    """A channel with what is written for it: a draft (``content``) or a version that never
    changes (``template_version_id``); exactly one of them. Saving turns drafts into versions."""

    channel: ChannelName
    content: dict[str, Any] | None = None
    template_version_id: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_content(self) -> Option:
        if (self.content is None) == (self.template_version_id is None):
            raise ValueError("give either content or template_version_id")
        return self


class Send(_Straight):
    """Send one message. The gate (consent, suppression, caps, quiet hours) is asked at dispatch.

    With ``fallbacks`` the first channel is used on which the customer may be reached; ``prefer``
    "customer" tries the one that their trait ``preferred_channel`` names before the others. A
    message that has not left ``valid_minutes`` after it was due is never sent.
    """

    kind: Literal["send"] = "send"
    channel: ChannelName
    content: dict[str, Any] | None = None
    template_version_id: int | None = Field(default=None, ge=1)
    fallbacks: tuple[Option, ...] = Field(default=(), max_length=2)
    prefer: Literal["listed", "customer"] = "listed"
    purpose: Literal["marketing", "transactional"] = "marketing"
    valid_minutes: int = Field(default=720, ge=1, le=7 * 24 * 60)

    @model_validator(mode="after")
    def _can_be_chosen(self) -> Send:
        if (self.content is None) == (self.template_version_id is None):
            raise ValueError("give either content or template_version_id")
        channels = [option.channel for option in self.options]
        if len(set(channels)) < len(channels):
            raise ValueError("name each channel once")
        return self

    @property
    def options(self) -> tuple[Option, ...]:
        """The channel and its fallbacks, in the order in which they are tried."""
        first = Option(
            channel=self.channel,
            content=self.content,
            template_version_id=self.template_version_id,
        )
        return (first, *self.fallbacks)

    def with_options(self, options: tuple[Option, ...]) -> Send:
        """The step with these contents instead of its own."""
        first, *rest = options
        return self.model_copy(update={**dict(first), "fallbacks": tuple(rest)})


class SetTrait(_Straight):
    """Set a custom trait of the customer (null clears it). Steps below see the new value."""

    kind: Literal["set_trait"] = "set_trait"
    name: str = Field(min_length=1, max_length=100)
    value: str | bool | int | float | None = None


class Webhook(_Straight):
    """Call an address of the shop's with who came here and why; signed, and tried again until it
    answers. The run does not wait for the answer."""

    kind: Literal["webhook"] = "webhook"
    url: str = Field(min_length=1, max_length=2_000)
    values: dict[str, str | int | float | bool | None] = Field(default={}, max_length=50)


class Exit(_Step):
    """Leave the automation."""

    kind: Literal["exit"] = "exit"
    reason: str = Field(default="finished", max_length=100)

    def leads_to(self) -> tuple[Way, ...]:
        return (Way("", END, "reason"),)


AnyStep = (
    Wait | WaitUntil | WaitFor | WaitRhythm | Condition | Split | Send | SetTrait | Webhook | Exit
)
Step = Annotated[AnyStep, Field(discriminator="kind")]
