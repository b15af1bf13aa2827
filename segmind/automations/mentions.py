"""Which automations speak of a segment: they would break if it went."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from segmind.automations.automation import list_automations
from segmind.automations.definition import Definition
from segmind.automations.lifecycle import State
from segmind.automations.part import RuleJson
from segmind.automations.steps import Condition
from segmind.automations.triggers import SegmentTrigger
from segmind.segments.rule import parse
from segmind.segments.segment import references


def using_segment(conn: Connection, segment_id: int) -> list[str]:
    """``the automation “Welcome”`` for each that is not stopped, in its present version."""
    return [
        f"the automation “{each.name}”"
        for each in list_automations(conn)
        if each.state is not State.STOPPED and segment_id in segments_of(each.definition)
    ]


def segments_of(definition: Definition) -> set[int]:
    """The segments that a definition names itself."""
    found: set[int] = set()
    if isinstance(definition.trigger, SegmentTrigger):
        found.add(definition.trigger.segment_id)
    for rule in _rules(definition):
        found |= references(parse(rule))
    return found


def _rules(definition: Definition) -> Iterator[RuleJson]:
    if definition.entry_filter is not None:
        yield definition.entry_filter
    for leaving in definition.exit_rules:
        if leaving.rule is not None:
            yield leaving.rule
    for step in definition.steps:
        if isinstance(step, Condition):
            yield step.rule
