"""What the builder edits: a rule's JSON with an id on every group and condition.

The ids let widgets keep their values while rows come and go around them. They never leave the
builder: ``rule_of`` gives the plain JSON back, and the path of every id in it, so that a fault can
be shown at its row. Keys that begin with ``_`` are the builder's own.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MODES: Final = ("all", "any", "none")


def fresh_id() -> str:
    """An id that no other row has."""
    return secrets.token_hex(4)


@dataclass
class Condition:
    """One row: the JSON of a condition."""

    data: dict[str, Any]
    id: str = field(default_factory=fresh_id)


@dataclass
class Group:
    """All, any or none of its parts."""

    mode: str = "all"
    parts: list[Condition | Group] = field(default_factory=list)
    id: str = field(default_factory=fresh_id)


def tree_of(rule: dict[str, Any] | None) -> Group:
    """The tree of a rule's JSON; a rule that is a single condition gets a group around it."""
    node = _node(copy.deepcopy(rule)) if rule else Group()
    return node if isinstance(node, Group) else Group(parts=[node])


def rule_of(root: Group) -> tuple[dict[str, Any], dict[str, str]]:
    """The rule's JSON, and the path of every id in it (``all[2].any[0]``); empty groups go."""
    paths: dict[str, str] = {}
    return _json(root, "", paths), paths


def find(root: Group, node_id: str) -> Condition | Group:
    """The node of that id. Raises KeyError."""
    for node, _ in walk(root):
        if node.id == node_id:
            return node
    raise KeyError(node_id)


def remove(root: Group, node_id: str) -> None:
    """Take a node out of the tree; the root stays."""
    for _, parent in walk(root):
        if parent is not None:
            parent.parts = [part for part in parent.parts if part.id != node_id]


def duplicate(root: Group, node_id: str) -> None:
    """Put a copy of a node, with ids of its own, behind it; the root cannot be copied."""
    for node, parent in walk(root):
        if node.id == node_id and parent is not None:
            made = copied(node)
            parent.parts.insert(parent.parts.index(node) + 1, made)
            return


def copied(node: Condition | Group) -> Condition | Group:
    """The same node with new ids all through."""
    if isinstance(node, Group):
        return Group(node.mode, [copied(part) for part in node.parts])
    return Condition(_plain(node.data))


def walk(
    node: Condition | Group, parent: Group | None = None
) -> Iterator[tuple[Condition | Group, Group | None]]:
    """Every node with the group that holds it, from the top."""
    yield node, parent
    if isinstance(node, Group):
        for part in list(node.parts):
            yield from walk(part, node)


def has_conditions(node: Condition | Group) -> bool:
    """Whether there is any row."""
    return any(isinstance(each, Condition) for each, _ in walk(node))


def _node(data: dict[str, Any]) -> Condition | Group:
    if data.get("type") in MODES:
        return Group(str(data["type"]), [_node(part) for part in data.get("conditions", [])])
    return Condition(data)


def _json(node: Group, path: str, paths: dict[str, str]) -> dict[str, Any]:
    paths[node.id] = path
    parts: list[dict[str, Any]] = []
    for part in node.parts:
        if not has_conditions(part):
            continue
        here = f"{path}{'.' if path else ''}{node.mode}[{len(parts)}]"
        if isinstance(part, Group):
            parts.append(_json(part, here, paths))
        else:
            paths[part.id] = here
            parts.append(_plain(part.data))
    return {"type": node.mode, "conditions": parts}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if not key.startswith("_")}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
