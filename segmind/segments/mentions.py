"""What a rule mentions of the log: events, and the comparisons that they must satisfy, by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from segmind.segments.acts import Act
from segmind.segments.comparison import EventComparison
from segmind.segments.conditions.base import Condition
from segmind.segments.conditions.behaviour import Did
from segmind.segments.conditions.compared import Rate
from segmind.segments.conditions.order import SameDay, Sequence
from segmind.segments.rule import Rule, walk


@dataclass(frozen=True, slots=True)
class Mention:
    """An event that a rule names, at ``path``, and its comparisons, below ``where_path``.

    ``of`` is the field whose values are counted, if any are, at ``of_path``.
    """

    event: str
    path: str
    where: tuple[EventComparison, ...]
    where_path: str
    of: str | None = None
    of_path: str = ""


def mentions(rule: Rule) -> Iterator[Mention]:
    """Every event that the rule names itself, in the order of its conditions."""
    for path, condition in walk(rule):
        yield from _of_condition(f"{path}." if path else "", condition)


def _of_condition(before: str, condition: Condition) -> Iterator[Mention]:
    match condition:
        case Sequence(first=first, then=then):
            yield _act(f"{before}first.", first)
            yield _act(f"{before}then.", then)
        case SameDay(acts=acts, without=without):
            for name, several in (("acts", acts), ("without", without)):
                for n, act in enumerate(several):
                    yield _act(f"{before}{name}[{n}].", act)
        case Rate(event=event, per=per, where=where, per_where=per_where):
            yield Mention(event, f"{before}event", where, f"{before}where")
            yield Mention(per, f"{before}per", per_where, f"{before}per_where")
        case Did(event=event, where=where, of=of):
            yield Mention(event, f"{before}event", where, f"{before}where", of, f"{before}of")
        case Act():
            yield _act(before, condition)


def _act(before: str, act: Act) -> Mention:
    return Mention(act.event, f"{before}event", act.where, f"{before}where")
