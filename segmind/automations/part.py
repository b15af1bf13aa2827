"""What every part of a definition is made of: its base, and the types that parts share."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

#: Where a step leads that ends the run.
END = "end"

StepId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
EventName = Annotated[str, Field(min_length=1, max_length=100)]
Where = Annotated[tuple[dict[str, Any], ...], Field(max_length=20)]
RuleJson = dict[str, Any]
ChannelName = Literal["email", "sms", "push"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _wall_clock(value: str) -> str:
    try:
        time.fromisoformat(value)
    except ValueError:
        raise ValueError("give a time of day as HH:MM, 09:30 for example") from None
    return value


WallTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$"), AfterValidator(_wall_clock)]


class Part(BaseModel):
    """Base of every part: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
