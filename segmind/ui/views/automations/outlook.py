"""What will happen once an automation is on: how often it would have begun, what it sends."""

from __future__ import annotations

from typing import Any

from segmind.automations.backtest.result import Backtest
from segmind.automations.definition import Definition
from segmind.automations.describe import cause
from segmind.automations.steps import Send, Split
from segmind.automations.triggers import DateTrigger, EventTrigger, SegmentTrigger, Trigger
from segmind.errors import SegmindError
from segmind.ui import figures
from segmind.ui.components.badges import channel_label
from segmind.ui.data import backtests, segments, workspace
from segmind.ui.views.automations.words import plain


def sentences(definition: Definition, automation_id: int) -> list[str]:
    """The outlook, a sentence each."""
    said = [f"{plain(cause(definition, segments.words()))}, they enter from this moment on."]
    replayed = backtests.lately(definition, automation_id)
    said += _lately(replayed) if replayed and replayed.triggers else [_how_many(definition)]
    sends = [step for step in definition.steps if isinstance(step, Send)]
    channels = dict.fromkeys(o.channel for step in sends for o in step.options)
    if sends:
        names = ", ".join(channel_label(channel) for channel in channels)
        said.append(
            f"Up to {figures.plural(len(sends), 'message')} each ({names}), always only with "
            "consent, within caps and outside quiet hours."
        )
    held = sum(
        branch.percent
        for step in definition.steps
        if isinstance(step, Split)
        for branch in step.branches
        if branch.holdout
    )
    if held:
        said.append(f"{figures.per_cent(held)} are kept out, so that you can see what it brings.")
    if not workspace.settings().postal_address and "email" in channels:
        said.append(":orange[Your postal address is missing on the page Settings.]")
    return [each for each in said if each]


def _lately(found: Backtest) -> list[str]:
    """What the last days would have been like."""
    would = (
        f"In the last {backtests.LATELY} days {figures.plural(found.people, 'customer')} would have"
        f" entered and {figures.plural(found.sent, 'message')} would have left, for "
        f"{plain(figures.micros(found.cost_micros, found.currency))}; at most "
        f"{figures.count(found.per_hour.messages)} in one hour."
    )
    anyway = next((one for one in found.organic if one.seconds == 3_600 and one.share), None)
    if anyway is None:
        return [would]
    share = figures.percent(anyway.share or 0, 0)
    return [would, f"{share} would have reached the goal within an hour by themselves."]


def _how_many(definition: Definition) -> str:
    trigger = definition.trigger
    try:
        if isinstance(trigger, SegmentTrigger):
            size = segments.get(trigger.segment_id).size
            n = size.size if size else 0
            return (
                f"{figures.plural(n, 'customer is', 'customers are')} in the segment now; only who "
                f"{'enters' if trigger.moves == 'entered' else 'leaves'} it later counts."
            )
        rule = _rule(definition, trigger)
        n = segments.preview(rule).preview.count
    except SegmindError:
        return ""
    if isinstance(trigger, EventTrigger):
        return f"In the last 7 days {figures.plural(n, 'customer', 'customers')} would have."
    if isinstance(trigger, DateTrigger):
        return f"{figures.plural(n, 'customer has', 'customers have')} such a day known."
    return f"Now that would be {figures.plural(n, 'customer')}."


def _rule(definition: Definition, trigger: Trigger) -> dict[str, Any]:
    """Whom the trigger would have meant lately, as a segment rule."""
    parts: list[dict[str, Any]] = []
    if isinstance(trigger, EventTrigger):
        parts.append(
            {
                "type": "did",
                "event": trigger.event,
                "where": list(trigger.where),
                "op": "at_least",
                "n": 1,
                "window": {"type": "last", "amount": 7, "unit": "days"},
            }
        )
    elif isinstance(trigger, DateTrigger):
        parts.append({"type": "trait", "field": trigger.field, "op": "is_set"})
    if definition.entry_filter is not None:
        parts.append(dict(definition.entry_filter))
    return parts[0] if len(parts) == 1 else {"type": "all", "conditions": parts}
