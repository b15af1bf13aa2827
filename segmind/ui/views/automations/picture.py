"""An automation as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Sequence

from segmind.automations.definition import Definition
from segmind.automations.describe import Line
from segmind.automations.steps import (
    Condition,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitRhythm,
    WaitUntil,
)

_LONGEST = 60


def mermaid(definition: Definition, said: Sequence[Line]) -> str:
    """The diagram's source: the trigger, every step, every way on."""
    text = {line.step: line.text for line in said if line.step}
    trigger = said[0].text if said else "Start"
    rows = ["flowchart TD", f'  begin(["{_label(trigger)}"])']
    numbers = {step.id: f"s{index}" for index, step in enumerate(definition.steps)}
    for step in definition.steps:
        label = _label(text.get(step.id, step.id))
        name = numbers[step.id]
        if isinstance(step, Condition | Split):
            rows.append(f'  {name}{{"{label}"}}')
        elif isinstance(step, Send):
            rows.append(f'  {name}[/"{label}"/]')
        elif isinstance(step, Wait | WaitUntil | WaitFor | WaitRhythm):
            rows.append(f'  {name}("{label}")')
        else:
            rows.append(f'  {name}(["{label}"])')
    rows.append('  leave(["Leaves"])')
    rows.append(f"  begin --> {numbers[definition.steps[0].id]}")
    for source, label, target in definition.ways():
        arrow = f"-- {label} -->" if label else "-->"
        rows.append(f"  {numbers[source]} {arrow} {numbers[target] if target else 'leave'}")
    return "\n".join(rows)


def _label(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(c if c not in '"<>{}[]|#;`' else " " for c in short)
