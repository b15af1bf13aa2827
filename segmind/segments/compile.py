"""From a rule to the customers whom it means.

A rule is one expression over the customers with the columns of its aggregates beside them: columns
that lie in the customers' own order, so that nothing is joined. Explaining one customer is the same
expression over what is known of him alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.customers.facts import Facts
from segmind.customers.roster import Roster
from segmind.events.vectors.columns import as_flags
from segmind.segments import linking
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.answers import Answers, OfEverybody
from segmind.segments.attributes import Attribute
from segmind.segments.board import Board
from segmind.segments.conditions.base import Question, Requirement
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.matched import Matched
from segmind.segments.moment import Moment
from segmind.segments.notices import is_before_the_log
from segmind.segments.rule import Rule
from segmind.segments.sources import Sources

Key = TypeVar("Key")


@dataclass(frozen=True)
class Compiled:
    """One rule, asked of these facts at one moment.

    ``is_before_the_log``: of this moment nothing is known, so nobody meets the rule.
    """

    rule: Rule
    question: Question
    sources: Sources
    is_before_the_log: bool = False

    @cached_property
    def requirements(self) -> list[Requirement]:
        """What the rule needs to know, each once."""
        return list(dict.fromkeys(self.rule.root.requirements(self.question)))

    @cached_property
    def attributes(self) -> list[Attribute]:
        return [r for r in self.requirements if isinstance(r, Attribute)]

    @cached_property
    def aggregates(self) -> list[Aggregate]:
        return [r for r in self.requirements if isinstance(r, Aggregate)]

    def matched(self, answers: Answers | None = None) -> Matched:
        """Who meets the rule. ``answers`` may be shared by rules of one moment."""
        answers = answers or OfEverybody(self.sources)
        rosters = self.sources.rosters
        if self.is_before_the_log or not any(roster.height for roster in rosters):
            return Matched(rosters, [np.zeros(r.height, dtype=np.bool_) for r in rosters])
        verdict = self.rule.root.expression(self.question).alias("met")
        boards = [self.board(roster, answers) for roster in rosters]
        used = boards[0].used(verdict)
        # Beside each other without a copy: the expression is put together and asked once.
        rows = pl.concat([board.columns(used) for board in boards], rechunk=False)
        met = self.sources.collected(nw.from_native(rows.lazy()).select(verdict))["met"]
        ends = np.cumsum([roster.height for roster in rosters])
        masks = np.split(as_flags(met), ends[:-1])
        return Matched(rosters, [_present(*pair) for pair in zip(rosters, masks, strict=True)])

    def board(self, roster: Roster, answers: Answers) -> Board:
        """The roster's customers with all attributes and aggregates of the rule."""
        return Board(roster, self.attributes, self.aggregates, answers)


def _present(roster: Roster, mask: np.ndarray) -> np.ndarray:
    return mask if roster.present is None else mask & roster.present


def compiled(
    rule: Rule,
    facts: Facts,
    as_of: datetime,
    resolve: Resolve = no_segments,
    sources: Sources | None = None,
) -> Compiled:
    """The rule, linked and ready to be asked.

    ``sources`` may be shared between rules of one moment.

    Raises:
        InvalidRule: it names an event that the log never saw, or a segment that does not exist.
    """
    at = Moment(as_of, facts.zone)
    segments = linking.linked(rule, resolve)
    names = facts.log.names()
    for each in (rule, *segments.values()):
        linking.check_events(each, names)
    unknown = is_before_the_log(facts, as_of)
    return Compiled(rule, Question(at, segments), sources or Sources(facts, at), unknown)


def matched(rule: Rule, facts: Facts, as_of: datetime, resolve: Resolve = no_segments) -> Matched:
    """The customers who meet the rule at ``as_of``.

    What happened after ``as_of`` does not count; fields, traits, consent and suppression are the
    present ones.

    Raises:
        InvalidRule: see ``compiled``.
    """
    return compiled(rule, facts, as_of, resolve).matched()


def matching(
    rule: Rule, facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> pl.LazyFrame:
    """``matched`` as a frame: customer_id (Int64), each once."""
    return matched(rule, facts, as_of, resolve).ids.to_frame().lazy()


def matching_many(
    rules: Mapping[Key, Rule], facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> dict[Key, pl.Series]:
    """``matching`` for many rules: the customers of each, ascending, in the order of the rules."""
    found = {key: one.ids for key, one in matched_many(rules, facts, as_of, resolve)}
    return {key: found[key] for key in rules}


def matched_many(
    rules: Mapping[Key, Rule], facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> Iterator[tuple[Key, Matched]]:
    """``matched`` for many rules of one moment, one after the other, in the order of ``plans``."""
    for key, find in plans(rules, facts, as_of, resolve):
        yield key, find()


def plans(
    rules: Mapping[Key, Rule], facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> list[tuple[Key, Callable[[], Matched]]]:
    """How to find who meets each of many rules at one moment.

    Rules that read the same of the log come next to each other, so that it is read once.
    """
    sources = Sources(facts, Moment(as_of, facts.zone))
    answers = OfEverybody(sources)
    every = {key: compiled(rule, facts, as_of, resolve, sources) for key, rule in rules.items()}
    alike = sorted(every, key=lambda key: sorted(a.prefix for a in every[key].aggregates))
    return [(key, partial(every[key].matched, answers)) for key in alike]
