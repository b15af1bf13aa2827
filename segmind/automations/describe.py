"""An automation in plain English, line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from segmind import percent
from segmind.automations.definition import Definition, ReEntry
from segmind.automations.part import RuleJson
from segmind.automations.steps import (
    AnyStep,
    Condition,
    Option,
    Send,
    SetTrait,
    Split,
    Wait,
    WaitFor,
    WaitRhythm,
    WaitUntil,
    Webhook,
)
from segmind.automations.triggers import DateTrigger, ScheduleTrigger, SegmentTrigger
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
    """How to say what an automation only names. ``content`` says what is sent."""

    words: Words = field(default_factory=Words)
    content: Callable[[Option], str] = lambda _option: ""


def lines(definition: Definition, saying: Saying | None = None) -> list[Line]:
    """The trigger, the steps in their order, the goal and the exit rules."""
    saying = saying or Saying()
    ways: dict[str, list[tuple[str, str | None]]] = {}
    for source, label, target in definition.ways():
        ways.setdefault(source, []).append((label, target))
    found = [Line(None, _trigger(definition, saying))]
    found += [Line(step.id, _step(step, saying), tuple(ways[step.id])) for step in definition.steps]
    if definition.goal is not None:
        goal = _act(definition.goal.event, definition.goal.where, saying.words)
        found.append(Line(None, f"Whoever {goal} leaves at once: that is the goal."))
    for rule in definition.exit_rules:
        if rule.event is not None:
            found.append(
                Line(None, f"Whoever {_act(rule.event, rule.where, saying.words)} leaves.")
            )
        elif rule.rule is not None:
            found.append(Line(None, f"Who leaves: {_rule(rule.rule, saying)}"))
    return found


def describe(definition: Definition, saying: Saying | None = None) -> str:
    """All lines as one text."""
    return "\n".join(line.text for line in lines(definition, saying))


def _trigger(definition: Definition, saying: Saying) -> str:
    text = f"{cause(definition, saying.words)}, {_KEYS[definition.key]}"
    text += _again(definition.re_entry)
    if definition.entry_filter is not None:
        return f"{text}. Only: {_rule(definition.entry_filter, saying)}"
    return f"{text}."


def cause(definition: Definition, words: Words) -> str:
    """What starts a run: ``When a customer placed an order``."""
    trigger = definition.trigger
    if isinstance(trigger, SegmentTrigger):
        return f"When a customer {trigger.moves} {words.segment(trigger.segment_id)}"
    if isinstance(trigger, DateTrigger):
        return _date(trigger)
    if isinstance(trigger, ScheduleTrigger):
        return _schedule(trigger)
    return f"When a customer {_act(trigger.event, trigger.where, words)}"


def _date(trigger: DateTrigger) -> str:
    what = trigger.field.removeprefix("traits.").replace("_", " ")
    days = abs(trigger.offset_days)
    when = f"{days} day{'s' * (days != 1)} {'before' if trigger.offset_days < 0 else 'after'} "
    often = "Every year" if trigger.yearly else "Once"
    return f"{often}, {when if days else 'on '}a customer's {what} at {trigger.at} by their clock"


def _schedule(trigger: ScheduleTrigger) -> str:
    which = {"day": "day", "week": DAYS.get(trigger.weekday or "", ""), "month": "month"}
    on = f" on day {trigger.day}" if trigger.day is not None else ""
    return f"Every {which[trigger.every]}{on} at {trigger.at}"


DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


def _again(rule: ReEntry) -> str:
    if rule.mode == "never":
        return ", once in a lifetime"
    if rule.mode == "after" and rule.hours is not None:
        return f", not again within {length(rule.hours * 3600)}"
    return ""


def _step(step: AnyStep, saying: Saying) -> str:
    match step:
        case Wait():
            anew = " or ".join(phrase(event).past for event in step.restart_on)
            again = f", counted anew whenever the customer {anew}" if anew else ""
            return f"Wait {length(step.seconds)}{again}."
        case WaitUntil():
            days = " or ".join(DAYS[day] for day in step.weekdays)
            return f"Wait until {step.at}{f' on {days}' if days else ''} by the customer's clock."
        case WaitFor():
            act = _act(step.event, step.where, saying.words)
            return f"Wait until the customer {act}, at most {length(step.seconds)}."
        case WaitRhythm():
            return (
                f"Wait as long as the customer usually lets pass between two"
                f" {phrase(step.event).noun}s ({percent.said(step.percent)} of it,"
                f" {step.min_days} to {step.max_days} days)."
            )
        case Condition():
            return f"Is it so? {_rule(step.rule, saying)}"
        case Split():
            arms = [
                f"{percent.said(arm.percent)} {_arm(arm.name, arm.holdout)}"
                for arm in step.branches
            ]
            return f"Part them by chance: {', '.join(arms)}."
        case Send():
            return _send(step, saying)
        case SetTrait():
            if step.value is None:
                return f"Clear the trait {step.name}."
            return f"Set the trait {step.name} to {_value(step.value)}."
        case Webhook():
            return f"Call {step.url}."
        case _:
            return f"Leave: {step.reason}."


def _arm(name: str, holdout: bool) -> str:
    return f"{name} (kept out)" if holdout else name


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"“{value}”"


def _send(step: Send, saying: Saying) -> str:
    if not step.fallbacks:
        said = saying.content(step.options[0])
        return f"Send {_CHANNELS[step.channel]}{f': {said}' if said else ''}."
    first, *others = [_CHANNELS[option.channel] for option in step.options]
    said = saying.content(step.options[0])
    favourite = " Their favourite channel comes first." if step.prefer == "customer" else ""
    return (
        f"Send {first}{f': {said}' if said else ''}; where it does not reach them,"
        f" {', else '.join(others)}.{favourite}"
    )


def _act(event: str, where: tuple[dict[str, Any], ...], words: Words) -> str:
    try:
        act = act_of(event, where, "where")
    except SegmindError:
        return phrase(event).past
    return f"{phrase(event).past}{act.where_words(words)}"


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
