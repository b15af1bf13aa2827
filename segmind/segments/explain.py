"""Why a customer is in a segment, or is not: every condition with its verdict and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segmind.customers.facts import Facts
from segmind.errors import NotFound
from segmind.segments.answers import OfFew
from segmind.segments.compile import compiled
from segmind.segments.conditions.base import Condition, Found, Question
from segmind.segments.conditions.group import Group
from segmind.segments.conditions.membership import InSegment
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.moment import Moment
from segmind.segments.notices import is_before_the_log, notice
from segmind.segments.rule import Rule
from segmind.segments.sources import Sources
from segmind.segments.words import Words

_HEADS = {
    "all": "All of these are met",
    "any": "At least one of these is met",
    "none": "None of these is met",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One condition of a rule for one customer, with the conditions it consists of.

    ``path`` is the condition's place in its rule; below an ``in_segment``, in that segment's rule.
    ``kind`` is the condition's type.
    """

    path: str
    sentence: str
    met: bool
    detail: str
    children: tuple[Explained, ...] = ()

    kind: str = ""

    def against(self) -> Iterator[Explained]:
        """The single conditions that decide against the customer; none for a member."""
        yield from self._deciding(wanted=True)

    def _deciding(self, *, wanted: bool) -> Iterator[Explained]:
        if self.met == wanted:
            return
        if not self.children:
            yield self
        for child in self.children:
            yield from child._deciding(wanted=wanted != (self.kind == "none"))


def explain(
    rule: Rule,
    facts: Facts,
    customer_id: int,
    as_of: datetime,
    resolve: Resolve = no_segments,
    words: Words | None = None,
) -> Explained:
    """The rule as a tree of verdicts for one customer; the root's ``met`` is the membership.

    Raises:
        NotFound: there is no such customer.
        InvalidRule: see ``compile.compiled``.
    """
    mine = facts.of_customer(customer_id)
    if not mine.count:
        raise NotFound(what="customer", key=customer_id)
    sources = Sources(mine, Moment(as_of, facts.zone), population=facts)
    plan = compiled(rule, mine, as_of, resolve, sources)
    nodes = list(_nodes("", rule.root, plan.question))
    verdicts = [c.expression(plan.question).alias(f"met:{n}") for n, (_, c) in enumerate(nodes)]
    answers = OfFew(sources)
    boards = [plan.board(roster, answers).all().with_columns(*verdicts) for roster in mine.rosters]
    rows = [row for one in boards for row in sources.collected(one).to_dicts()]
    tree = _Explainer(plan.question, rows[0], words or Words()).tree(iter(range(len(nodes))), nodes)
    if not is_before_the_log(facts, as_of):
        return tree
    return Explained("", tree.sentence, met=False, detail=notice(facts, as_of), kind=tree.kind)


_Node = tuple[str, Condition]


def _nodes(path: str, condition: Condition, question: Question) -> Iterator[_Node]:
    """Every condition, and in the place of a reference to a segment also that segment's."""
    yield path, condition
    for child_path, child in _children(path, condition, question):
        yield from _nodes(child_path, child, question)


def _children(path: str, condition: Condition, question: Question) -> list[_Node]:
    if isinstance(condition, InSegment):
        return [("", condition.target(question))]
    if isinstance(condition, Group):
        before = f"{path}." if path else ""
        return [
            (f"{before}{condition.type}[{n}]", child)
            for n, child in enumerate(condition.conditions)
        ]
    return []


@dataclass(frozen=True, slots=True)
class _Explainer:
    question: Question
    row: Mapping[str, Any]
    words: Words

    def tree(self, numbers: Iterator[int], nodes: list[_Node]) -> Explained:
        """The tree of the next node; numbers run as ``_nodes`` lists them."""
        number = next(numbers)
        path, condition = nodes[number]
        below = _children(path, condition, self.question)
        children = tuple(self.tree(numbers, nodes) for _ in below)
        return Explained(
            path=path,
            sentence=self._sentence(condition),
            met=bool(self.row[f"met:{number}"]),
            detail=self._detail(condition, children),
            children=children,
            kind=condition.type,
        )

    def _sentence(self, condition: Condition) -> str:
        if isinstance(condition, Group):
            return _HEADS[condition.type]
        text = condition.sentence(self.words)
        return text[0].upper() + text[1:]

    def _detail(self, condition: Condition, children: tuple[Explained, ...]) -> str:
        if isinstance(condition, Group):
            return f"{sum(c.met for c in children)} of {len(children)} met"
        if isinstance(condition, InSegment):
            return "is a member" if children[0].met else "is not a member"
        return condition.detail(self.question, Found(self.row), self.words)
