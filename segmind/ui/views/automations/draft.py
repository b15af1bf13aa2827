"""Changing a definition that is being edited: its JSON, step by step. No Streamlit in here."""

from __future__ import annotations

import copy
from typing import Any, Final

from segmind.automations.definition import Definition, InvalidDefinition, parse
from segmind.automations.graph import Problem
from segmind.automations.part import END

Json = dict[str, Any]

#: What a new step begins as, by kind.
NEW: Final[dict[str, Json]] = {
    "wait": {"seconds": 86_400},
    "wait_until": {"at": "10:00"},
    "wait_for": {"event": "product_viewed", "seconds": 3 * 86_400, "timed_out": None, "done": None},
    "wait_rhythm": {"event": "order"},
    "condition": {"rule": {"type": "reachable", "channel": "email"}},
    "split": {
        "branches": [
            {"name": "goes on", "percent": 90.0},
            {"name": "kept out", "percent": 10.0, "holdout": True},
        ]
    },
    "send": {
        "channel": "email",
        "content": {
            "channel": "email",
            "subject": "",
            "blocks": [
                {"kind": "heading", "text": "Hi {{ first_name | default: 'there' }},"},
                {"kind": "text", "text": ""},
            ],
        },
    },
    "set_trait": {"name": "", "value": True},
    "webhook": {"url": "https://"},
    "exit": {"reason": "finished"},
}

#: Fields of a step in which another step may be named.
_WAYS: Final = ("next", "yes", "no", "done", "timed_out", "unknown")


def add(draft: Json, kind: str, after: str | None) -> str:
    """Put a new step behind another one (None: at the beginning); returns its id."""
    step_id = _free_id(draft, kind)
    step = {"kind": kind, "id": step_id, **copy.deepcopy(NEW[kind])}
    draft["steps"].insert(_place(draft, after) + 1 if after else 0, step)
    return step_id


def duplicate(draft: Json, step_id: str) -> str:
    """Put a copy of a step behind it; returns the copy's id."""
    at = _place(draft, step_id)
    step = copy.deepcopy(draft["steps"][at])
    step["id"] = _free_id(draft, step["kind"])
    draft["steps"].insert(at + 1, step)
    return str(step["id"])


def remove(draft: Json, step_id: str) -> None:
    """Take a step out; those that led to it lead to where it led."""
    at = _place(draft, step_id)
    step = draft["steps"].pop(at)
    ways = [step[way] for way in _WAYS if way in step]
    below = draft["steps"][at]["id"] if at < len(draft["steps"]) else END
    target = (ways[0] if ways else None) or below
    for other in draft["steps"]:
        for holder in [other, *other.get("branches", ())]:
            for way in _WAYS:
                if holder.get(way) == step_id:
                    holder[way] = target


def move(draft: Json, step_id: str, by: int) -> None:
    """Take a step up (-1) or down (1); at the edge it stays."""
    steps = draft["steps"]
    at = _place(draft, step_id)
    to = at + by
    if 0 <= to < len(steps):
        steps[at], steps[to] = steps[to], steps[at]


def change(draft: Json, step_id: str, step: Json) -> None:
    """Put another form of a step in its place."""
    draft["steps"][_place(draft, step_id)] = step


def find(draft: Json, step_id: str) -> Json | None:
    """The step of that id, if there is one."""
    return next((step for step in draft["steps"] if step["id"] == step_id), None)


def read(draft: Json) -> tuple[Definition | None, list[Problem]]:
    """The definition that the draft is, or why it is none; the step is named where it is one's."""
    try:
        return parse(draft), []
    except InvalidDefinition as error:
        field = error.field or ""
        step = field[len("steps[") : field.index("]")] if field.startswith("steps[") else None
        return None, [Problem(step, field, error.message, error.hint or "")]


def _place(draft: Json, step_id: str) -> int:
    return [step["id"] for step in draft["steps"]].index(step_id)


def _free_id(draft: Json, kind: str) -> str:
    taken = {step["id"] for step in draft["steps"]}
    number = 1
    while f"{kind}_{number}" in taken:
        number += 1
    return f"{kind}_{number}"
