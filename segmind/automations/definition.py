"""An automation as data: what starts it, the steps, and what ends it. JSON in and out.

A definition is a list of steps that reads like a sentence. A step goes on to the one below it
unless it names another (``next``, or ``yes`` and ``no`` of a condition); ``"end"`` leaves. Rules
are rules of the segment language, contents are drafts of the template language, both as JSON:
:mod:`segmind.automations.validate` checks them and names the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segmind.errors import InvalidInput

#: Where a step leads that ends the run.
END = "end"

StepId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
EventName = Annotated[str, Field(min_length=1, max_length=100)]
RuleJson = dict[str, Any]
ChannelName = Literal["email", "sms", "push"]

#: The longest wait: a year. What is meant to be longer is a segment and a new campaign.
LONGEST_WAIT_SECONDS = 366 * 86_400


class InvalidDefinition(InvalidInput):
    """The automation's definition is not valid."""

    code = "invalid_automation"
    hint = "Correct the named place and try again."


class Part(BaseModel):
    """Base of every part: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventTrigger(Part):
    """A customer did something; runs start at that instant."""

    kind: Literal["event"] = "event"
    event: EventName
    where: tuple[dict[str, Any], ...] = ()  # conditions on the event, as in the segment language


class ReEntry(Part):
    """Whether a customer may start a second run (always with another key).

    ``always``: as often as there are keys. ``never``: once. ``after``: when ``hours`` have passed
    since the trigger of the last run.
    """

    mode: Literal["always", "never", "after"] = "always"
    hours: int | None = Field(default=None, ge=1, le=24 * 366)

    @model_validator(mode="after")
    def _hours_belong_to_after(self) -> ReEntry:
        if (self.mode == "after") != (self.hours is not None):
            raise ValueError("give hours exactly when the mode is 'after'")
        return self


class Wait(Part):
    """Let time pass, counted from when the run came to the step (the first: from the trigger).

    An event named in ``restart_on`` starts the wait anew: "one hour without a change of the cart".
    """

    kind: Literal["wait"] = "wait"
    id: StepId
    seconds: int = Field(ge=1, le=LONGEST_WAIT_SECONDS)
    restart_on: tuple[EventName, ...] = ()
    next: StepId | None = None


class Condition(Part):
    """Ask a segment rule of the customer, as of that moment; go one way or the other."""

    kind: Literal["condition"] = "condition"
    id: StepId
    rule: RuleJson
    yes: StepId | None = None  # None: the step below
    no: StepId | None = END


class Send(Part):
    """Send one message. The gate (consent, suppression, caps, quiet hours) is asked at dispatch.

    Exactly one of ``content`` (a draft) and ``template_version_id`` (a version that never changes)
    is given; saving an automation turns drafts into versions. A message that has not left
    ``valid_minutes`` after it was due is never sent.
    """

    kind: Literal["send"] = "send"
    id: StepId
    channel: ChannelName
    content: dict[str, Any] | None = None
    template_version_id: int | None = Field(default=None, ge=1)
    purpose: Literal["marketing", "transactional"] = "marketing"
    valid_minutes: int = Field(default=720, ge=1, le=7 * 24 * 60)
    next: StepId | None = None

    @model_validator(mode="after")
    def _one_content(self) -> Send:
        if (self.content is None) == (self.template_version_id is None):
            raise ValueError("give either content or template_version_id")
        return self


class Exit(Part):
    """Leave the automation."""

    kind: Literal["exit"] = "exit"
    id: StepId
    reason: str = Field(default="finished", max_length=100)


Step = Annotated[Wait | Condition | Send | Exit, Field(discriminator="kind")]


class Goal(Part):
    """What the automation is for. Reaching it after the trigger ends the run, at every step."""

    event: EventName
    where: tuple[dict[str, Any], ...] = ()
    name: str = Field(default="", max_length=100)


class ExitRule(Part):
    """What else ends a run, at every step: an event since the trigger, or a segment rule."""

    reason: str = Field(min_length=1, max_length=100)
    event: EventName | None = None
    where: tuple[dict[str, Any], ...] = ()
    rule: RuleJson | None = None

    @model_validator(mode="after")
    def _one_cause(self) -> ExitRule:
        if (self.event is None) == (self.rule is None):
            raise ValueError("give either event or rule")
        if self.where and self.event is None:
            raise ValueError("where belongs to an event")
        return self


class Definition(Part):
    """A whole automation.

    ``key`` tells runs apart, one run each: ``cart`` (begins with the first addition after an order
    or after seven days without a change), ``order``, ``event`` (every trigger) or ``customer``.
    """

    format: Literal[1] = 1
    recipe: str | None = Field(default=None, max_length=60)
    trigger: EventTrigger
    entry_filter: RuleJson | None = None
    key: Literal["cart", "order", "event", "customer"] = "customer"
    re_entry: ReEntry = ReEntry()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    goal: Goal | None = None
    exit_rules: tuple[ExitRule, ...] = Field(default=(), max_length=20)

    def step(self, step_id: str) -> Wait | Condition | Send | Exit:
        """The step of that id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def follower(self, step_id: str, named: str | None) -> str | None:
        """Where ``named`` leads from ``step_id``: a step's id, or None for the end."""
        if named is not None:
            return None if named == END else named
        ids = [step.id for step in self.steps]
        below = ids.index(step_id) + 1
        return ids[below] if below < len(ids) else None

    def ways(self) -> Iterator[tuple[str, str, str | None]]:
        """Every way through: (from step, label, to step or None for the end)."""
        for step in self.steps:
            if isinstance(step, Condition):
                yield step.id, "yes", self.follower(step.id, step.yes)
                yield step.id, "no", self.follower(step.id, step.no)
            elif isinstance(step, Exit):
                yield step.id, "", None
            else:
                yield step.id, "", self.follower(step.id, step.next)

    def as_json(self) -> dict[str, Any]:
        """The definition as JSON types; :func:`parse` reads it back to an equal definition."""
        return self.model_dump(mode="json")


def parse(data: Any) -> Definition:
    """A definition from JSON.

    Raises:
        InvalidDefinition: with the path of the first offending place, the step named by its id.
    """
    try:
        return Definition.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = _path(first["loc"], data)
        says = first["msg"].removeprefix("Value error, ")
        raise InvalidDefinition(
            f"The definition is not valid at {field or 'its top'}: {says}.", field=field
        ) from None


def _path(loc: tuple[int | str, ...], data: Any) -> str:
    """``steps[cart_email].seconds``: steps by their ids where they have one."""
    path = ""
    here = data
    for part in loc:
        if isinstance(part, int):
            item = here[part] if isinstance(here, (list, tuple)) and part < len(here) else None
            name = item.get("id") if isinstance(item, dict) else None
            path += f"[{name if isinstance(name, str) else part}]"
            here = item
        elif isinstance(here, dict) and part == here.get("kind"):
            continue  # pydantic's own mark of which kind of step it read
        else:
            path += f".{part}" if path else str(part)
            here = here.get(part) if isinstance(here, dict) else None
    return path
