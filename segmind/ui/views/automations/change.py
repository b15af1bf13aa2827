"""Changing one step of a definition."""

from __future__ import annotations

from typing import Any

from segmind.automations.definition import Definition, parse


def changed(definition: Definition, step_id: str, values: dict[str, Any]) -> Definition:
    """The definition with some values of one step changed. Raises InvalidDefinition."""
    data = definition.as_json()
    for step in data["steps"]:
        if step["id"] == step_id:
            step.update(values)
    return parse(data)
