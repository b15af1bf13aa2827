"""Who came and who went between two moments, and which condition made the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import polars as pl

from segmind.customers.facts import Facts
from segmind.events.schema import EVENT_COLUMNS
from segmind.segments.compile import matching_many
from segmind.segments.conditions.base import Condition
from segmind.segments.conditions.group import Group
from segmind.segments.conditions.membership import InSegment
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.moment import TICK
from segmind.segments.passing import kinds, passing
from segmind.segments.rule import Rule, walk
from segmind.segments.words import Words

#: Customers whose events are looked at together: bounds the memory where many moved.
_PORTION: Final = 100_000
#: All that rules ask of events; each row is an event of its own already.
_COLUMNS: Final = tuple(
    name
    for name in EVENT_COLUMNS
    if name not in {"event_hi", "event_lo", "received_at", "currency"}
)


@dataclass(frozen=True, slots=True)
class Cause:
    """One of the rule's top conditions, and for whom it turned so that they moved.

    ``entered`` and ``left`` count customers; one for whom two conditions turned counts in both.
    ``alone_entered`` and ``alone_left``: for whom only this one turned. ``by_time_entered`` and
    ``by_time_left``: for whom it would have turned without anything new; None where that cannot be
    told, because the condition compares customers with each other.
    """

    path: str
    sentence: str
    entered: int
    left: int
    alone_entered: int
    alone_left: int
    by_time_entered: int | None
    by_time_left: int | None


@dataclass(frozen=True, slots=True)
class Movements:
    """``entered``, ``left``: customer ids, ascending. ``stayed``: members at both moments."""

    since: datetime
    until: datetime
    entered: pl.Series
    left: pl.Series
    stayed: int
    causes: tuple[Cause, ...]


def movements(
    rule: Rule,
    facts: Facts,
    since: datetime,
    until: datetime,
    resolve: Resolve = no_segments,
    words: Words | None = None,
) -> Movements:
    """Who was no member at ``since`` and is one at ``until``, who the other way, and why.

    Each of the rule's top conditions is asked of everybody at both moments, in one pass each; both
    with the present rule and the present fields of customers. By time: it is asked once more at
    ``until``, of those for whom it turned, without what happened after ``since``.

    Raises:
        InvalidRule: see ``compile.compiled``.
    """
    tops = _tops(rule)
    asked: dict[str, Rule] = {"": rule, **{path: _rule(c) for path, c in tops}}
    before = matching_many(asked, facts, since, resolve)
    after = matching_many(asked, facts, until, resolve)
    entered, left = _moved(before[""], after[""])
    stayed = after[""].len() - entered.len()
    turned = _turned(rule, tops, before, after, entered, left)
    by_time = _by_time(tops, turned, facts, since, until, resolve)
    said = words or Words()
    causes = tuple(
        _cause(path, condition, turned, by_time.get(path), said) for path, condition in tops
    )
    return Movements(since, until, entered, left, stayed, causes)


@dataclass(frozen=True, slots=True)
class _Turned:
    """For whom one condition turned: of those who entered, and of those who left."""

    entered: pl.Series
    left: pl.Series


def _tops(rule: Rule) -> list[tuple[str, Condition]]:
    """The conditions of the rule's root group with their paths; a single condition itself."""
    root = rule.root
    if not isinstance(root, Group):
        return [("", root)]
    return [(f"{root.type}[{n}]", child) for n, child in enumerate(root.conditions)]


def _moved(before: pl.Series, after: pl.Series) -> tuple[pl.Series, pl.Series]:
    entered = after.filter(~after.is_in(before.implode()))
    left = before.filter(~before.is_in(after.implode()))
    return entered.sort(), left.sort()


def _turned(
    rule: Rule,
    tops: Sequence[tuple[str, Condition]],
    before: Mapping[str, pl.Series],
    after: Mapping[str, pl.Series],
    entered: pl.Series,
    left: pl.Series,
) -> dict[str, _Turned]:
    """Whoever enters turned towards membership; in a group of none that is to no longer meet."""
    is_none = rule.root.type == "none"
    found = {}
    for path, _ in tops:
        met, unmet = _moved(before[path], after[path])
        towards, away = (unmet, met) if is_none else (met, unmet)
        found[path] = _Turned(
            entered.filter(entered.is_in(towards.implode())),
            left.filter(left.is_in(away.implode())),
        )
    return found


def _by_time(
    tops: Sequence[tuple[str, Condition]],
    turned: Mapping[str, _Turned],
    facts: Facts,
    since: datetime,
    until: datetime,
    resolve: Resolve,
) -> dict[str, _Turned]:
    """Of those for whom a condition turned, the ones for whom time alone would have turned it."""
    asked = {path: _rule(c) for path, c in tops if not _compares(c, resolve)}
    movers = [s for path in asked for s in (turned[path].entered, turned[path].left)]
    people = pl.concat(movers).unique() if movers else pl.Series(dtype=pl.Int64)
    wanted = _kinds([c for path, c in tops if path in asked], facts, resolve)
    would: dict[str, list[pl.Series]] = {path: [people.head(0)] for path in asked}
    for start in range(0, people.len(), _PORTION):
        standing = _until(facts, people.slice(start, _PORTION), since, wanted)
        then = matching_many(asked, standing, since, resolve)
        later = matching_many(asked, standing, until, resolve)
        for path in asked:
            would[path] += _moved(then[path], later[path])
    return {
        path: _Turned(
            _among(turned[path].entered, pl.concat(ids)), _among(turned[path].left, pl.concat(ids))
        )
        for path, ids in would.items()
    }


def _among(ids: pl.Series, wanted: pl.Series) -> pl.Series:
    return ids.filter(ids.is_in(wanted.implode()))


def _kinds(conditions: Sequence[Condition], facts: Facts, resolve: Resolve) -> set[int] | None:
    """The kinds of events that these conditions look at; None: all."""
    found: set[int] = set()
    for condition in conditions:
        for _, each in walk(_rule(condition)):
            if isinstance(each, Group):
                continue
            if isinstance(each, InSegment):
                target = resolve(each.segment_id)
                mine = _kinds([target.root], facts, resolve) if target else set()
            else:
                mine = kinds(each, facts.log.names())
            if mine is None:
                return None
            found |= mine
    return found


def _until(facts: Facts, people: pl.Series, since: datetime, wanted: set[int] | None) -> Facts:
    """These customers, and what they did up to ``since``."""
    ids = people.rename("customer_id")
    rows = facts.log.events(
        kinds=wanted, until=since + TICK, columns=_COLUMNS, customers=ids.to_list()
    )
    events = rows.collect(engine="streaming")
    customers = facts.customers.join(ids.to_frame().lazy(), on="customer_id", how="semi")
    return Facts.of(
        events,
        customers.collect(),
        products=facts.log.products().collect(),
        names=facts.log.names(),
        zone=facts.zone.key,
    )


def _compares(condition: Condition, resolve: Resolve) -> bool:
    """Whether an answer depends on other customers, here or in a segment that is referred to."""
    for _, each in walk(_rule(condition)):
        if passing(each).of_others:
            return True
        target = resolve(each.segment_id) if isinstance(each, InSegment) else None
        if target is not None and _compares(target.root, resolve):
            return True
    return False


def _cause(
    path: str,
    condition: Condition,
    turned: Mapping[str, _Turned],
    by_time: _Turned | None,
    words: Words,
) -> Cause:
    mine = turned[path]
    others = [each for key, each in turned.items() if key != path]
    sentence = condition.sentence(words)
    return Cause(
        path=path,
        sentence=sentence[:1].upper() + sentence[1:],
        entered=mine.entered.len(),
        left=mine.left.len(),
        alone_entered=_alone(mine.entered, [each.entered for each in others]),
        alone_left=_alone(mine.left, [each.left for each in others]),
        by_time_entered=None if by_time is None else by_time.entered.len(),
        by_time_left=None if by_time is None else by_time.left.len(),
    )


def _alone(mine: pl.Series, others: Sequence[pl.Series]) -> int:
    if not others:
        return mine.len()
    return int((~mine.is_in(pl.concat(others).implode())).sum())


def _rule(condition: Condition) -> Rule:
    return Rule(cast(Any, condition))
