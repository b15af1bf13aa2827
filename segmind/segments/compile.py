"""From a rule to the customers whom it means.

The aggregates that the rules need are gathered and each is computed once; a rule is then one filter
over the customers with those columns beside them. Explaining one customer is the same with one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

import narwhals as nw
import polars as pl

from segmind.customers.facts import Facts
from segmind.segments import linking
from segmind.segments.aggregates.base import Aggregate, Table, tables
from segmind.segments.attributes import Attribute
from segmind.segments.conditions.base import Question, Requirement
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.moment import Moment
from segmind.segments.rule import Rule
from segmind.segments.sources import CUSTOMER, Frame, Sources

Key = TypeVar("Key")


@dataclass(frozen=True)
class Compiled:
    """One rule, asked of these facts at one moment."""

    rule: Rule
    question: Question
    sources: Sources

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

    def matching(self, computed: Iterable[Table] | None = None) -> Frame:
        """customer_id of every customer who meets the rule, each once.

        ``computed``: tables that hold at least the rule's aggregates.
        """
        given = self.tables if computed is None else computed
        present = self.rule.root.presence(self.question)
        customers = self._beside(given, present)
        return customers.filter(self.rule.root.expression(self.question)).select(CUSTOMER)

    def everything(self) -> Frame:
        """Every customer with all attributes and aggregates of the rule."""
        return self._beside(self.tables, frozenset())

    @cached_property
    def tables(self) -> list[Table]:
        return tables(self.aggregates, self.sources)

    def _beside(self, given: Iterable[Table], present: frozenset[Aggregate]) -> Frame:
        """The customers with the tables' columns beside them.

        Who must be in a table to meet the rule is joined first and strictly: the rest then deals
        with these few only.
        """
        wanted = set(self.aggregates)
        needed = [table for table in given if table.of & wanted]
        strict = [table for table in needed if table.of & present]
        frame = self.sources.customers(self.attributes)
        for table in strict:
            frame = frame.join(table.frame, on=CUSTOMER, how="inner")
        for table in needed:
            if table not in strict:
                frame = frame.join(table.frame, on=CUSTOMER, how="left")
        return frame


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
    return Compiled(rule, Question(at, segments), sources or Sources(facts, at))


def matching(
    rule: Rule, facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> pl.LazyFrame:
    """customer_id (Int64, each once, unordered) of the customers who meet the rule at ``as_of``.

    What happened after ``as_of`` does not count; fields, traits, consent and suppression are the
    present ones.

    Raises:
        InvalidRule: see ``compiled``.
    """
    native: pl.LazyFrame = compiled(rule, facts, as_of, resolve).matching().to_native()
    return native


def matching_many(
    rules: Mapping[Key, Rule], facts: Facts, as_of: datetime, resolve: Resolve = no_segments
) -> dict[Key, pl.Series]:
    """``matching`` for many rules: the customers of each, ascending.

    The aggregates of all rules are computed in one pass over the log, each once.
    """
    sources = Sources(facts, Moment(as_of, facts.zone))
    every = {key: compiled(rule, facts, as_of, resolve, sources) for key, rule in rules.items()}
    wanted = dict.fromkeys(a for one in every.values() for a in one.aggregates)
    computed = _collected(tables(list(wanted), sources))
    plans = [one.matching(computed).to_native() for one in every.values()]
    answers: list[pl.DataFrame] = pl.collect_all(plans) if plans else []
    return {key: answer[CUSTOMER].sort() for key, answer in zip(every, answers, strict=True)}


def _collected(lazy: list[Table]) -> list[Table]:
    frames: list[pl.DataFrame] = pl.collect_all([t.frame.to_native() for t in lazy]) if lazy else []
    return [
        Table(nw.from_native(frame.lazy()), table.of)
        for frame, table in zip(frames, lazy, strict=True)
    ]
