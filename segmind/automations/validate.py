"""Whether an automation can run: its way, its rules, its events and its contents; all at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from segmind.automations import contents, graph
from segmind.automations.definition import Definition, InvalidDefinition
from segmind.automations.graph import Problem
from segmind.automations.steps import Condition, SetTrait, Wait, WaitFor, WaitRhythm, Webhook
from segmind.automations.triggers import EventTrigger, SegmentTrigger
from segmind.automations.world import act_of
from segmind.callbacks.address import RefusedAddress, check, rules_of
from segmind.customers.traits import STANDARD, sort_traits
from segmind.errors import NotFound, SegmindError
from segmind.events import names
from segmind.segments import linking
from segmind.segments.acts import SESSION, event_code, known_events
from segmind.segments.fault import did_you_mean
from segmind.segments.rule import parse
from segmind.segments.segment import get, resolver
from segmind.settings import from_environment
from segmind.workspace import product_settings


def problems(conn: Connection, definition: Definition) -> list[Problem]:
    """Everything that is wrong, each with its step; empty when it can go live."""
    known = names.all_names(conn)
    settings = product_settings.load(conn)
    return [
        *graph.problems(definition),
        *_events(definition, known),
        *_trigger(conn, definition),
        *_rules(conn, definition, known),
        *_traits(definition),
        *_calls(definition),
        *contents.problems(conn, definition, settings),
    ]


def require_valid(conn: Connection, definition: Definition) -> None:
    """Raises :class:`InvalidDefinition` for the first problem; its ``field`` names the step."""
    for problem in problems(conn, definition):
        raise InvalidDefinition(str(problem), hint="", field=problem.field)


def _events(definition: Definition, known: dict[str, int]) -> Iterator[Problem]:
    for step, field, event, where in _acts(definition):
        try:
            act_of(event, where, field)
        except InvalidDefinition as error:
            yield Problem(step, error.field or field, error.message, error.hint)
            continue
        if event == SESSION:
            yield Problem(
                step,
                f"{field}.event",
                "A visit is no event that can be waited for.",
                "Name what is done in it, product_viewed for example.",
            )
        elif event_code(event, known) is None:
            yield Problem(
                step,
                f"{field}.event",
                f"Nobody ever did {event!r}: the log has no such event.",
                did_you_mean(event, known_events(known)),
            )


def _acts(
    definition: Definition,
) -> Iterator[tuple[str | None, str, str, tuple[dict[str, Any], ...]]]:
    """Every event that is named: (step, field, event, where)."""
    if isinstance(definition.trigger, EventTrigger):
        yield None, "trigger", definition.trigger.event, definition.trigger.where
    if definition.goal is not None:
        yield None, "goal", definition.goal.event, definition.goal.where
    for n, rule in enumerate(definition.exit_rules):
        if rule.event is not None:
            yield None, f"exit_rules[{n}]", rule.event, rule.where
    for step in definition.steps:
        if isinstance(step, Wait):
            for event in step.restart_on:
                yield step.id, f"steps[{step.id}].restart_on", event, ()
        elif isinstance(step, WaitFor):
            yield step.id, f"steps[{step.id}]", step.event, step.where
        elif isinstance(step, WaitRhythm):
            yield step.id, f"steps[{step.id}]", step.event, ()


def _trigger(conn: Connection, definition: Definition) -> Iterator[Problem]:
    trigger = definition.trigger
    if isinstance(trigger, SegmentTrigger):
        try:
            archived = get(conn, trigger.segment_id).archived
        except NotFound as error:
            yield Problem(None, "trigger.segment_id", error.message, "Choose another segment.")
            return
        if archived:
            yield Problem(
                None,
                "trigger.segment_id",
                "This segment is archived: nobody enters or leaves it any more.",
                "Choose another segment.",
            )


def _calls(definition: Definition) -> Iterator[Problem]:
    rules = rules_of(from_environment())
    for step in definition.steps:
        if isinstance(step, Webhook):
            try:
                check(step.url, rules)
            except RefusedAddress as error:
                yield Problem(step.id, f"steps[{step.id}].url", error.message, error.hint or "")


def _traits(definition: Definition) -> Iterator[Problem]:
    for step in definition.steps:
        if isinstance(step, SetTrait):
            field = f"steps[{step.id}].name"
            if step.name in STANDARD:
                yield Problem(
                    step.id,
                    field,
                    f"{step.name} is a field of the customer's own.",
                    "Name a custom trait.",
                )
                continue
            told = sort_traits({step.name: step.value}, None, datetime.now(UTC))
            for refused in told.refused:
                yield Problem(step.id, field, f"The trait {step.name} {refused.reason}.", "")


def _rules(conn: Connection, definition: Definition, known: dict[str, int]) -> Iterator[Problem]:
    written: list[tuple[str | None, str, Any]] = [
        (step.id, f"steps[{step.id}].rule", step.rule)
        for step in definition.steps
        if isinstance(step, Condition)
    ]
    if definition.entry_filter is not None:
        written.append((None, "entry_filter", definition.entry_filter))
    written += [
        (None, f"exit_rules[{n}].rule", leaving.rule)
        for n, leaving in enumerate(definition.exit_rules)
        if leaving.rule is not None
    ]
    for step_id, field, rule_json in written:
        try:
            rule = parse(rule_json)
            linking.linked(rule, resolver(conn))
            linking.check_events(rule, known)
        except SegmindError as error:
            where = f"{field}.{error.field}" if error.field else field
            yield Problem(step_id, where, error.message, error.hint)
