"""What starts a run: something a customer did, a move between segments, a date, a schedule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from segmind.automations.part import EventName, Part, WallTime, Weekday, Where


class EventTrigger(Part):
    """A customer did something; runs start at that instant. ``where``: comparisons of the event,
    as in the segment language."""

    kind: Literal["event"] = "event"
    event: EventName
    where: Where = ()


class SegmentTrigger(Part):
    """A customer entered or left a saved segment, as its refreshes (once a minute) tell."""

    kind: Literal["segment"] = "segment"
    segment_id: int = Field(ge=1)
    moves: Literal["entered", "left"] = "entered"


class DateTrigger(Part):
    """A day of the customer's own has come: their birthday, or a day in a trait (``traits.x``).

    It comes ``offset_days`` after that day (before it, where negative) at the wall-clock time
    ``at`` in the customer's zone. ``yearly``: every year; 29 February comes on 1 March in other
    years.
    """

    kind: Literal["date"] = "date"
    field: str = Field(
        default="birthday", pattern=r"^(birthday|traits\.[^'\"\\]{1,100})$", max_length=110
    )
    offset_days: int = Field(default=0, ge=-365, le=365)
    at: WallTime = "09:00"
    yearly: bool = True


class ScheduleTrigger(Part):
    """A time comes round: every day, week or month at ``at``, in the workspace's zone.

    Who then enters is what the definition's entry filter says.
    """

    kind: Literal["schedule"] = "schedule"
    every: Literal["day", "week", "month"] = "day"
    at: WallTime = "10:00"
    weekday: Weekday | None = None  # of a week
    day: int | None = Field(default=None, ge=1, le=28)  # of a month

    @model_validator(mode="after")
    def _which_day(self) -> ScheduleTrigger:
        if (self.every == "week") != (self.weekday is not None):
            raise ValueError("give weekday exactly when it comes every week")
        if (self.every == "month") != (self.day is not None):
            raise ValueError("give day exactly when it comes every month")
        return self


Trigger = Annotated[
    EventTrigger | SegmentTrigger | DateTrigger | ScheduleTrigger, Field(discriminator="kind")
]
