"""What requests about automations may say, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, ChannelName
from segmind.automations.automation import Automation

_EXAMPLE: dict[str, Any] = {
    "name": "Thank-you",
    "definition": {
        "trigger": {"kind": "event", "event": "order"},
        "key": "order",
        "steps": [
            {"kind": "wait", "id": "three_days", "seconds": 259_200},
            {
                "kind": "send",
                "id": "thanks",
                "channel": "sms",
                "content": {"channel": "sms", "body": "Thank you! Reply STOP to opt out."},
            },
        ],
        "goal": {"event": "order", "name": "Ordered again"},
    },
    "start": True,
}


class NewAutomation(Body):
    """Any automation, as data."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    name: str
    definition: dict[str, Any] = Field(description="Trigger, steps, goal and exit rules.")
    start: bool = Field(default=False, description="True: switch it on at once.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class FromRecipe(Body):
    """A recipe's automation under its own name, or another one."""

    name: str | None = None
    start: bool = Field(default=False, description="True: switch it on at once.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class Change(Body):
    """Another name, or a new version of the definition.

    Say what you read, so that nobody else's change is overwritten: 409 where it is another by now.
    """

    name: str | None = None
    definition: dict[str, Any] | None = None
    seen_version: int | None = Field(
        default=None, ge=1, description="The version that the new definition was made from."
    )
    seen_name: str | None = Field(default=None, description="The name that is to be replaced.")


class ToCheck(Body):
    """A definition to be looked over; nothing is saved."""

    definition: dict[str, Any]


class MovePeople(Body):
    """Where people of steps that are gone go on: by the old step's id, a step of the present
    version. Everybody else stays at the step of the same id."""

    to: dict[str, str] = Field(default={}, max_length=100)


class CartRecovery(Body):
    """Remind customers of the cart that they left; an order ends it at every step."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Cart recovery",
                "wait_minutes": 60,
                "channels": ["email", "sms"],
                "contents": {"sms": {"body": "Your cart ({{ cart.total }}) is still waiting."}},
                "idempotency_key": "cart-recovery-1",
            }
        },
    )

    name: str = "Cart recovery"
    wait_minutes: int = Field(
        default=60, ge=1, le=43_200, description="After the last change of the cart."
    )
    channels: list[ChannelName] = Field(default=["email"], min_length=1, max_length=3)
    contents: dict[ChannelName, dict[str, Any]] = Field(
        default={}, description="What is written, by channel; without one, a proven text."
    )
    next_after_minutes: int = Field(
        default=1320, ge=1, le=43_200, description="From one channel's message to the next one's."
    )
    cooldown_hours: int | None = Field(
        default=None, ge=1, le=8_784, description="No second run of a customer within that time."
    )
    holdout_percent: float = Field(
        default=0, ge=0, le=50, description="Never reminded, so that the lift can be measured."
    )
    start: bool = Field(default=True, description="False: save it as a draft.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AutomationOut(_Out):
    """An automation. ``state``: draft, live, paused or stopped."""

    id: int
    name: str
    state: str
    version: int
    live_since: datetime | None = Field(description="Earlier triggers start no run.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class Started(AutomationOut):
    """``created`` is false where the idempotency key had been used before."""

    created: bool


class Automations(BaseModel):
    """Automations, newest first."""

    automations: list[AutomationOut]


class TotalsOut(_Out):
    """All runs: ``entered`` = ``waiting`` + ``exited`` + ``failed``."""

    entered: int
    waiting: int
    exited: int
    converted: int
    failed: int
    messages: int


class StepOut(_Out):
    """Runs at one step. ``ways``: how many took each way of a step that has several."""

    step: str
    entered: int
    waiting: int
    passed: int
    sent: int
    skipped: int
    yes: int
    no: int
    exited: int
    converted: int
    failed: int
    ways: dict[str, int]


class AutomationReport(AutomationOut):
    """An automation with its definition and its numbers."""

    definition: dict[str, Any]
    said: list[str] = Field(description="The definition in words, line by line.")
    totals: TotalsOut
    steps: list[StepOut]


class VersionOut(_Out):
    """A version of a definition; versions never change."""

    version: int
    created_at: datetime
    definition: dict[str, Any]


class Versions(BaseModel):
    """Every version, newest first."""

    versions: list[VersionOut]


class ProblemOut(_Out):
    """What is wrong, and where. ``step``: null for the automation as a whole."""

    step: str | None
    field: str
    message: str
    hint: str


class Checked(BaseModel):
    """``problems`` is empty when the definition can be saved and switched on."""

    problems: list[ProblemOut]
    said: list[str]


class RecipeOut(_Out):
    """A recipe that can be set up with one call."""

    key: str
    name: str
    sentence: str


class Recipes(BaseModel):
    """Every recipe."""

    recipes: list[RecipeOut]


class PlaceOut(_Out):
    """People of older versions at one step; ``leads_to``: where they would go on, null if the
    present version has no such step."""

    step: str
    waiting: int
    leads_to: str | None


class People(BaseModel):
    """People in flight who follow an older version."""

    places: list[PlaceOut]


class Moved(BaseModel):
    """How many runs were moved, or tried again."""

    moved: int


class RunOut(_Out):
    """One customer's way. ``state``: waiting, exited or failed."""

    id: int
    automation_id: int
    version: int
    customer_id: int
    entry_key: str
    triggered_at: datetime
    entered_at: datetime
    step: str | None
    due_at: datetime | None
    state: str
    exit_reason: str | None
    exited_at: datetime | None


class Runs(BaseModel):
    """Runs, newest first; ``next_before`` fetches those that follow, null at the end."""

    runs: list[RunOut]
    next_before: int | None


class PassageOut(_Out):
    """What happened to a run at a step."""

    step: str
    outcome: str
    detail: dict[str, Any] | None
    at: datetime


class RunHistory(RunOut):
    """A run with everything that happened to it, in order."""

    history: list[PassageOut]


def out(automation: Automation) -> AutomationOut:
    """The automation as it is answered."""
    return AutomationOut.model_validate(automation)
