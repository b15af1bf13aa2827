"""When the mere passing of time next moves a customer into a segment, or out of it.

Exact to the microsecond, provided that nothing new happens. What each condition says is asked at
the instants at which it can change (see ``passing``), in order of time, until the membership turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import polars as pl

from segmind.customers.facts import Facts
from segmind.segments import linking
from segmind.segments.compile import matching_many
from segmind.segments.conditions.base import Condition
from segmind.segments.conditions.group import Group
from segmind.segments.conditions.membership import InSegment
from segmind.segments.explain import Explained, explain
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.moment import TICK
from segmind.segments.passing import Passing, kinds, passing, turns
from segmind.segments.rule import Rule
from segmind.segments.words import Words

#: Events of one customer beyond which the question is refused: nobody shops that much.
MOST_EVENTS: Final = 5_000
#: Events times moments that are asked about at once.
_AT_ONCE: Final = 400_000
_ALONE: Final = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """A condition that changes its answer. ``path`` is its place as ``Explained`` gives it."""

    path: str
    sentence: str
    becomes: bool


@dataclass(frozen=True, slots=True)
class NextMove:
    """What time does to a membership.

    ``at`` is the first instant at which it differs from now; None: time alone never changes it.
    ``turns`` are the conditions that change then. ``assumed`` are sentences of conditions that
    compare the customer with others: they are taken to stay as they are. ``refused`` says why the
    question was not answered.
    """

    is_member: bool
    at: datetime | None
    turns: tuple[Turn, ...] = ()
    assumed: tuple[str, ...] = ()
    refused: str = ""


def next_move(
    rule: Rule,
    facts: Facts,
    customer_id: int,
    as_of: datetime,
    resolve: Resolve = no_segments,
    words: Words | None = None,
) -> NextMove:
    """The next moment after ``as_of`` at which time alone changes the customer's membership.

    Only events up to ``as_of`` count; fields, traits, consent and suppression stay as they are.

    Raises:
        NotFound: there is no such customer.
        InvalidRule: see ``compile.compiled``.
    """
    now = explain(rule, facts, customer_id, as_of, resolve, words)
    leaves = list(_leaves(rule.root, now, linking.linked(rule, resolve)))
    assumed = tuple(dict.fromkeys(leaf.node.sentence for leaf in leaves if leaf.passing.of_others))
    moving = [
        leaf for leaf in leaves if not leaf.passing.is_constant and not leaf.passing.of_others
    ]
    if not moving:
        return NextMove(now.met, None, assumed=assumed)
    events = facts.log.events(until=as_of + TICK, customers=[customer_id]).collect()
    if events.height > MOST_EVENTS:
        refused = f"The customer has more than {MOST_EVENTS:,} events."
        return NextMove(now.met, None, assumed=assumed, refused=refused)
    world = _World.of(facts, customer_id, events, as_of)
    at, changed = _Course(now, leaves, moving, world).first_turn()
    return NextMove(now.met, at, changed, assumed)


@dataclass(frozen=True, eq=False)
class _Leaf:
    """A single condition at one place of the rule, and what it says now."""

    condition: Condition
    node: Explained
    passing: Passing


def _leaves(condition: Condition, node: Explained, segments: Mapping[int, Rule]) -> Iterator[_Leaf]:
    """The single conditions in the order of the explanation's tree."""
    below: Sequence[Condition]
    if isinstance(condition, InSegment):
        below = (segments[condition.segment_id].root,)
    elif isinstance(condition, Group):
        below = condition.conditions
    else:
        yield _Leaf(condition, node, passing(condition))
        return
    for child, child_node in zip(below, node.children, strict=True):
        yield from _leaves(child, child_node, segments)


@dataclass(frozen=True)
class _World:
    """One customer alone, under the id 1: what he did up to now, and what he is."""

    events: pl.DataFrame
    customer: pl.DataFrame
    products: pl.DataFrame
    names: dict[str, int]
    zone: ZoneInfo
    as_of: datetime

    @classmethod
    def of(cls, facts: Facts, customer_id: int, events: pl.DataFrame, as_of: datetime) -> _World:
        row = facts.customers.filter(pl.col("customer_id") == customer_id).collect()
        bought = events["product_id"].drop_nulls().unique()
        products = facts.log.products().filter(pl.col("product_id").is_in(bought.implode()))
        return cls(
            events=events.drop("event_hi", "event_lo").with_columns(_id(_ALONE)),
            customer=row.with_columns(_id(_ALONE)),
            products=products.collect(),
            names=facts.log.names(),
            zone=facts.zone,
            as_of=as_of,
        )

    def turns(self, condition: Condition) -> list[datetime]:
        row = self.customer.row(0, named=True)
        wanted = kinds(condition, self.names)
        events = self.events
        if wanted is not None:
            events = events.filter(pl.col("kind").is_in(sorted(wanted)))
        return turns(condition, events, row, self.zone, self.as_of)

    def asked_at(self, conditions: Sequence[Condition], at: datetime) -> list[bool]:
        """What the conditions say at a moment."""
        facts = self._alone
        rules = {n: _rule(c) for n, c in enumerate(conditions)}
        found = matching_many(rules, facts, at)
        return [found[n].len() > 0 for n in rules]

    def shifted(
        self, conditions: Sequence[Condition], moments: Sequence[datetime]
    ) -> list[set[int]]:
        """The places of the moments at which each condition holds, of those that can be shifted.

        Moving the moment forward is the same as moving the events back: for each moment there is
        a twin with events moved so, and all of them are asked at once.
        """
        back = [moment - self.as_of for moment in moments]
        twins = pl.DataFrame({_CUSTOMER: range(1, len(back) + 1), "back": back})
        events = self.events.drop(_CUSTOMER).join(
            twins.with_columns(pl.col(_CUSTOMER).cast(pl.Int64)), how="cross"
        )
        events = events.with_columns(ts=pl.col("ts") - pl.col("back")).drop("back")
        customers = pl.DataFrame({_CUSTOMER: range(1, len(back) + 1)})
        facts = self._facts(events, customers)
        found = matching_many({n: _rule(c) for n, c in enumerate(conditions)}, facts, self.as_of)
        return [{each - 1 for each in found[n].to_list()} for n in range(len(conditions))]

    @cached_property
    def _alone(self) -> Facts:
        return self._facts(self.events, self.customer)

    def _facts(self, events: pl.DataFrame, customers: pl.DataFrame) -> Facts:
        return Facts.of(
            events, customers, products=self.products, names=self.names, zone=self.zone.key
        )


class _Course:
    """What the conditions say from now on, until the rule's answer turns."""

    def __init__(
        self, now: Explained, leaves: list[_Leaf], moving: list[_Leaf], world: _World
    ) -> None:
        self._now = now
        self._says = {id(leaf.node): leaf.node.met for leaf in leaves}
        self._moving = moving
        self._world = world
        self._turns: dict[datetime, list[_Leaf]] = {}
        for leaf in moving:
            for at in world.turns(leaf.condition):
                self._turns.setdefault(at, []).append(leaf)

    def first_turn(self) -> tuple[datetime | None, tuple[Turn, ...]]:
        """The first instant at which the root's answer differs, and which conditions changed."""
        moments = sorted(self._turns)
        step = max(1, _AT_ONCE // max(1, self._world.events.height))
        for start in range(0, len(moments), step):
            portion = moments[start : start + step]
            shifted = self._shifted(portion)
            for place, at in enumerate(portion):
                changed = self._changes(at, place, shifted)
                if changed and self._holds(self._now) != self._now.met:
                    return at, changed
        return None, ()

    def _shifted(self, moments: Sequence[datetime]) -> dict[int, set[int]]:
        leaves = [leaf for leaf in self._moving if leaf.passing.can_be_shifted]
        if not leaves:
            return {}
        found = self._world.shifted([leaf.condition for leaf in leaves], moments)
        return {id(leaf.node): places for leaf, places in zip(leaves, found, strict=True)}

    def _changes(
        self, at: datetime, place: int, shifted: Mapping[int, set[int]]
    ) -> tuple[Turn, ...]:
        """Bring what the conditions say up to ``at``; returns those that change then."""
        here = self._turns[at]
        slow = [leaf for leaf in here if id(leaf.node) not in shifted]
        answers = dict(zip(map(id, slow), self._asked(slow, at), strict=True))
        changed = []
        for leaf in here:
            key = id(leaf.node)
            says = place in shifted[key] if key in shifted else answers[id(leaf)]
            if says != self._says[key]:
                self._says[key] = says
                changed.append(Turn(leaf.node.path, leaf.node.sentence, says))
        return tuple(changed)

    def _asked(self, leaves: list[_Leaf], at: datetime) -> list[bool]:
        return self._world.asked_at([leaf.condition for leaf in leaves], at) if leaves else []

    def _holds(self, node: Explained) -> bool:
        if not node.children:
            return self._says.get(id(node), node.met)
        below = [self._holds(child) for child in node.children]
        match node.kind:
            case "any":
                return any(below)
            case "none":
                return not any(below)
            case _:
                return all(below)


_CUSTOMER: Final = "customer_id"


def _rule(condition: Condition) -> Rule:
    return Rule(cast(Any, condition))


def _id(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int64).alias(_CUSTOMER)
