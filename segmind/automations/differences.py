"""What one version of an automation does differently from another, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from segmind.automations.definition import Definition
from segmind.automations.describe import Saying, lines


class Kind(StrEnum):
    """What became of a line. ``rewritten``: it reads the same, but what it sends or asks does not.
    ``moved``: the order of the steps."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    REWRITTEN = "rewritten"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``before`` and ``after`` are lines in words; empty where there is none."""

    kind: Kind
    before: str = ""
    after: str = ""


def differences(
    before: Definition, after: Definition, saying: Saying | None = None
) -> list[Difference]:
    """What ``after`` does differently: the trigger and the rules, then step by step.

    Give definitions with their contents spelled out: a text that is kept as a version differs from
    the same text that is not.
    """
    return _of_rules(before, after, saying) + _of_steps(before, after, saying)


def _of_rules(before: Definition, after: Definition, saying: Saying | None) -> list[Difference]:
    old, new = (
        [line.text for line in lines(each, saying) if line.step is None] for each in (before, after)
    )
    found = []
    if old[0] != new[0]:
        found.append(Difference(Kind.CHANGED, old[0], new[0]))
    found += [Difference(Kind.GONE, before=text) for text in old[1:] if text not in new]
    found += [Difference(Kind.NEW, after=text) for text in new[1:] if text not in old]
    if not found and _whole(before) != _whole(after):
        found.append(Difference(Kind.REWRITTEN, old[0], new[0]))
    return found


def _of_steps(before: Definition, after: Definition, saying: Saying | None) -> list[Difference]:
    old, new = ({s["id"]: s for s in each.as_json()["steps"]} for each in (before, after))
    was, now = (
        {line.step: line.text for line in lines(each, saying) if line.step is not None}
        for each in (before, after)
    )
    found = [Difference(Kind.GONE, before=was[each]) for each in old if each not in new]
    for each, step in new.items():
        if each not in old:
            found.append(Difference(Kind.NEW, after=now[each]))
        elif step != old[each]:
            kind = Kind.REWRITTEN if was[each] == now[each] else Kind.CHANGED
            found.append(Difference(kind, was[each], now[each]))
    if [each for each in old if each in new] != [each for each in new if each in old]:
        found.append(Difference(Kind.MOVED))
    return found


def _whole(definition: Definition) -> dict[str, object]:
    return {name: value for name, value in definition.as_json().items() if name != "steps"}
