"""What a replay takes as it is now, or cannot tell: said with its result, a sentence each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from segmind.automations.backtest.asking import Asking, is_timeless
from segmind.automations.backtest.past import Past
from segmind.automations.definition import Definition
from segmind.automations.part import RuleJson
from segmind.automations.steps import Condition, Send, SetTrait, WaitFor, Webhook
from segmind.automations.triggers import DateTrigger, SegmentTrigger
from segmind.segments.conditions.group import Group
from segmind.segments.rule import parse, walk

_HOUR: Final = 3_600_000_000
_FIELDS: Final = (
    "Consent, suppressions, addresses, fields and traits are the present ones: the log does not"
    " hold what they were at each moment."
)
_SETTINGS: Final = "Caps, quiet hours and prices are the present settings."
_OTHERS: Final = (
    "Messages that were really sent then are in the past too: they count into the caps, and some of"
    " what customers did may have been their doing."
)


def of(
    past: Past, definition: Definition, asking: Asking, by_days_until: datetime | None
) -> Iterator[str]:
    """What a reader of the result must know. ``by_days_until``: see ``Starting``."""
    first = past.facts.log.first_ts
    if first is not None:
        yield f"The log begins on {first:%-d %B %Y}: of the time before it nothing is known."
    yield _FIELDS
    if any(isinstance(step, Send) for step in definition.steps):
        yield _SETTINGS
        yield _OTHERS
    if asking.coarse:
        hours = asking.coarse / _HOUR
        yield (
            "A rule that needs single events, calendar days or ranks was asked every"
            f" {hours:,.1f} hours, not at every moment."
        )
    if any(isinstance(step, SetTrait) for step in definition.steps):
        yield "Traits that its steps set are not set in the replay; rules see the present ones."
    if any(isinstance(step, Webhook) for step in definition.steps):
        yield "What the called addresses would have answered, or done, nobody knows."
    if any(isinstance(step, WaitFor) for step in definition.steps):
        yield "Events that its own messages would have caused (opens, clicks, replies) never came."
    if isinstance(definition.trigger, SegmentTrigger):
        yield "Who entered or left the segment is told by its refreshes, as they were then."
    if by_days_until is not None:
        yield (
            f"Before {by_days_until:%-d %B %Y}, from when on the segment was refreshed, its moves"
            " are told by its present rule, asked at the beginning of each day: who came and went"
            " within one day is not seen."
        )
    if isinstance(definition.trigger, DateTrigger):
        yield "Days are taken from the present fields and traits."


def asks_the_log(definition: Definition) -> bool:
    """Whether a rule of the definition asks what customers did, ever."""
    rules: list[RuleJson] = [s.rule for s in definition.steps if isinstance(s, Condition)]
    rules += [each.rule for each in definition.exit_rules if each.rule is not None]
    if definition.entry_filter is not None:
        rules.append(definition.entry_filter)
    return any(
        not isinstance(condition, Group) and not is_timeless(condition)
        for rule in rules
        for _, condition in walk(parse(json.dumps(rule)))
    )
