"""An automation in plain English, line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from segmind.automations.definition import (
    Condition,
    Definition,
    Exit,
    ReEntry,
    RuleJson,
    Send,
    Wait,
)
from segmind.automations.world import act_of
from segmind.errors import SegmindError
from segmind.segments.acts import phrase
from segmind.segments.describe import describe as describe_rule
from segmind.segments.rule import parse
from segmind.segments.words import Words

_KEYS = {
    "cart": "once for each cart",
    "order": "once for each order",
    "event": "each time",
    "customer": "unless they are in it already",
}
_CHANNELS = {"email": "an e-mail", "sms": "an SMS", "push": "a push message"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the description. ``step`` is None for the trigger and the rules for all steps;
    ``leads_to`` names the ways on: (label, step id or None for the end)."""

    step: str | None
    text: str
    leads_to: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Saying:
    """How to say what an automation only names. ``content`` says what a send step sends."""

    words: Words = field(default_factory=Words)
    content: Callable[[Send], str] = lambda _step: ""


def lines(definition: Definition, saying: Saying | None = None) -> list[Line]:
    """The trigger, the steps in their order, the goal and the exit rules."""
    saying = saying or Saying()
    ways: dict[str, list[tuple[str, str | None]]] = {}
    for source, label, target in definition.ways():
        ways.setdefault(source, []).append((label, target))
    found = [Line(None, _trigger(definition, saying))]
    found += [Line(step.id, _step(step, saying), tuple(ways[step.id])) for step in definition.steps]
    if definition.goal is not None:
        goal = _act(definition.goal.event, definition.goal.where, saying)
        found.append(Line(None, f"Whoever {goal} leaves at once: that is the goal."))
    for rule in definition.exit_rules:
        if rule.event is not None:
            found.append(Line(None, f"Whoever {_act(rule.event, rule.where, saying)} leaves."))
        elif rule.rule is not None:
            found.append(Line(None, f"Who leaves: {_rule(rule.rule, saying)}"))
    return found


def describe(definition: Definition, saying: Saying | None = None) -> str:
    """All lines as one text."""
    return "\n".join(line.text for line in lines(definition, saying))


def _trigger(definition: Definition, saying: Saying) -> str:
    event = definition.trigger
    text = f"When a customer {_act(event.event, event.where, saying)}, {_KEYS[definition.key]}"
    text += _again(definition.re_entry)
    if definition.entry_filter is not None:
        return f"{text}. Only: {_rule(definition.entry_filter, saying)}"
    return f"{text}."


def _again(rule: ReEntry) -> str:
    if rule.mode == "never":
        return ", once in a lifetime"
    if rule.mode == "after" and rule.hours is not None:
        return f", not again within {length(rule.hours * 3600)}"
    return ""


def _step(step: Wait | Condition | Send | Exit, saying: Saying) -> str:
    if isinstance(step, Wait):
        anew = " or ".join(phrase(event).past for event in step.restart_on)
        again = f", counted anew whenever the customer {anew}" if anew else ""
        return f"Wait {length(step.seconds)}{again}."
    if isinstance(step, Condition):
        return f"Is it so? {_rule(step.rule, saying)}"
    if isinstance(step, Send):
        said = saying.content(step)
        return f"Send {_CHANNELS[step.channel]}{f': {said}' if said else ''}."
    return f"Leave: {step.reason}."


def _act(event: str, where: tuple[dict[str, Any], ...], saying: Saying) -> str:
    try:
        act = act_of(event, where, "where")
    except SegmindError:
        return phrase(event).past
    return f"{phrase(event).past}{act.where_words(saying.words)}"


def _rule(rule: RuleJson, saying: Saying) -> str:
    try:
        return describe_rule(parse(rule), saying.words)
    except SegmindError as error:
        return f"(this rule is not valid: {error.message})"


def length(seconds: int) -> str:
    """A length in its largest whole unit: ``1 hour``, ``90 minutes``, ``3 days``."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            n = seconds // size
            return f"{n:,} {unit}{'s' * (n != 1)}"
    return f"{seconds:,} seconds" if seconds != 1 else "1 second"
