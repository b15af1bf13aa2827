"""An automation as data: what starts it, the steps, and what ends it. JSON in and out.

A definition is a list of steps that reads like a sentence. Rules are rules of the segment
language, contents are drafts of the template language, both as JSON:
:mod:`segmind.automations.validate` checks them and names the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from segmind.automations.part import END, EventName, Part, RuleJson, Where
from segmind.automations.steps import AnyStep, Step
from segmind.automations.triggers import EventTrigger, Trigger
from segmind.errors import InvalidInput

#: The form that is written. Older ones can be read: see ``_upgraded``.
FORMAT = 2


class InvalidDefinition(InvalidInput):
    """The automation's definition is not valid."""

    code = "invalid_automation"
    hint = "Correct the named place and try again."


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


class Goal(Part):
    """What the automation is for. Reaching it after the trigger ends the run, at every step."""

    event: EventName
    where: Where = ()
    name: str = Field(default="", max_length=100)


class ExitRule(Part):
    """What else ends a run, at every step: an event since the trigger, or a segment rule."""

    reason: str = Field(min_length=1, max_length=100)
    event: EventName | None = None
    where: Where = ()
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
    or after seven days without a change), ``order``, ``event`` (every trigger) or ``customer``
    (one at a time).
    """

    format: Literal[2] = 2
    recipe: str | None = Field(default=None, max_length=60)
    trigger: Trigger
    entry_filter: RuleJson | None = None
    key: Literal["cart", "order", "event", "customer"] = "customer"
    re_entry: ReEntry = ReEntry()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    goal: Goal | None = None
    exit_rules: tuple[ExitRule, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _fits_the_trigger(self) -> Definition:
        if self.key in {"cart", "order"} and not isinstance(self.trigger, EventTrigger):
            raise ValueError(f"one run for each {self.key} needs an event as its trigger")
        if self.trigger.kind == "schedule" and self.entry_filter is None:
            raise ValueError("a schedule needs an entry_filter that says who enters")
        return self

    @property
    def trigger_event(self) -> str | None:
        """The event that starts a run; None where no event of a customer's does."""
        return self.trigger.event if isinstance(self.trigger, EventTrigger) else None

    def step(self, step_id: str) -> AnyStep:
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
            for way in step.leads_to():
                yield step.id, way.label, self.follower(step.id, way.named)

    def as_json(self) -> dict[str, Any]:
        """The definition as JSON types; :func:`parse` reads it back to an equal definition."""
        return self.model_dump(mode="json")


def parse(data: Any) -> Definition:
    """A definition from JSON, also of an older format.

    Raises:
        InvalidDefinition: with the path of the first offending place, the step named by its id.
    """
    data = _upgraded(data)
    try:
        return Definition.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = _path(first["loc"], data)
        says = first["msg"].removeprefix("Value error, ")
        raise InvalidDefinition(
            f"The definition is not valid at {field or 'its top'}: {says}.", field=field
        ) from None


def _upgraded(data: Any) -> Any:
    """Format 1 was a part of format 2: event triggers, and the steps wait, condition, send, exit.
    A trigger without a kind is one of an event."""
    if not isinstance(data, dict):
        return data
    made = dict(data)
    if made.get("format") == 1:
        made["format"] = FORMAT
    trigger = made.get("trigger")
    if isinstance(trigger, dict) and "kind" not in trigger:
        made["trigger"] = {"kind": "event", **trigger}
    return made


def _path(loc: tuple[int | str, ...], data: Any) -> str:
    """``steps[cart_email].seconds``: steps by their ids where they have one."""
    path = ""
    here = data
    is_told = False  # pydantic's own mark of which kind of part it read comes first, once
    for part in loc:
        if isinstance(part, int):
            item = here[part] if isinstance(here, (list, tuple)) and part < len(here) else None
            name = item.get("id") if isinstance(item, dict) else None
            path += f"[{name if isinstance(name, str) else part}]"
            here, is_told = item, False
        elif isinstance(here, dict) and part == here.get("kind") and not is_told:
            is_told = True
        else:
            path += f".{part}" if path else str(part)
            here, is_told = (here.get(part) if isinstance(here, dict) else None), False
    return path
