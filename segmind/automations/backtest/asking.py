"""Segment rules asked of many people at once, of each at a moment of their own.

Carts, last times and counts are looked up in timelines; what no time changes (fields, consent,
reach) is asked once, as it is now. Everything else is asked by the segment engine as of each
moment; where there are too many of them, as of the last of ``MOST_MOMENTS`` moments, evenly spaced,
and the result says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations.backtest.past import Past, instant
from segmind.automations.backtest.timeline import BEFORE_ALL, Timeline
from segmind.automations.part import RuleJson
from segmind.events.schema import Kind
from segmind.segments import compile as compiling
from segmind.segments import linking
from segmind.segments.acts import Act
from segmind.segments.conditions.base import Condition
from segmind.segments.conditions.behaviour import Did
from segmind.segments.conditions.customer import Bucket, Consent, Reachable, Trait
from segmind.segments.conditions.group import AllOf, AnyOf, Group, NoneOf
from segmind.segments.conditions.membership import InSegment
from segmind.segments.conditions.moments import Recency
from segmind.segments.conditions.order import Cart
from segmind.segments.linking import Resolve
from segmind.segments.rule import Rule, parse
from segmind.segments.thresholds import CountThreshold
from segmind.segments.windows import Duration, Ever, Last

#: So many different moments are asked exactly; more are asked at so many evenly spaced ones.
MOST_MOMENTS: Final = 200
_MICROS: Final = 1_000_000
#: Comparisons with the day that it is.
_OF_TODAY: Final = frozenset(
    {"in_last_days", "more_than_days_ago", "in_next_days", "anniversary_in_days", "in_month"}
)

#: Who and when: customer ids and microseconds, side by side.
Pairs = tuple[np.ndarray, np.ndarray]


class Asking:
    """Rules over one past. ``coarse``: the widest step (microseconds) at which a rule was asked
    that could not be asked at every single moment; 0 where all were."""

    def __init__(self, past: Past, resolve: Resolve) -> None:
        self.coarse = 0
        self._past = past
        self._resolve = resolve
        self._timeless: dict[str, np.ndarray] = {}
        self._carts: _Carts | None = None

    def holds(self, rule: RuleJson, customers: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Of each pair: whether the customer matched the rule at the moment.

        Raises:
            InvalidRule: it names a segment or an event that does not exist.
        """
        parsed = parse(json.dumps(rule))
        segments = linking.linked(parsed, self._resolve)
        for each in (parsed, *segments.values()):
            linking.check_events(each, self._past.facts.log.names())
        return self._asked(parsed.root, segments, (customers, moments))

    def _asked(self, asked: Condition, segments: dict[int, Rule], who: Pairs) -> np.ndarray:
        stopping.check()
        if not who[0].size:
            return np.zeros(0, dtype=np.bool_)
        if isinstance(asked, Group):
            return self._group(asked, segments, who)
        if isinstance(asked, InSegment):
            return self._asked(segments[asked.segment_id].root, segments, who)
        if isinstance(asked, Cart):
            return self._cart(asked, who)
        if isinstance(asked, Recency):
            return self._recency(asked, who)
        if isinstance(asked, Did) and asked.metric == "count" and _slides(asked):
            return self._did(asked, who)
        if is_timeless(asked):
            return self._as_it_is_now(asked)[who[0]]
        return self._by_moments(asked, who)

    def _group(self, group: Group, segments: dict[int, Rule], who: Pairs) -> np.ndarray:
        each: Callable[[Condition], np.ndarray] = lambda c: self._asked(c, segments, who)  # noqa: E731
        if isinstance(group, AllOf):
            # Asked one after the other, of those who are still in.
            left = np.arange(who[0].size)
            for condition in sorted(group.conditions, key=lambda c: not is_timeless(c)):
                still = self._asked(condition, segments, (who[0][left], who[1][left]))
                left = left[still]
            met = np.zeros(who[0].size, dtype=np.bool_)
            met[left] = True
            return met
        any_: np.ndarray = reduce(np.logical_or, map(each, group.conditions))
        assert isinstance(group, AnyOf | NoneOf)
        return ~any_ if isinstance(group, NoneOf) else any_

    def _cart(self, asked: Cart, who: Pairs) -> np.ndarray:
        if self._carts is None:
            self._carts = _Carts(self._past)
        items, added = self._carts.at(*who)
        newest, oldest = _length(asked.newest), _length(asked.oldest)
        in_time = (added >= who[1] - oldest) & (added <= who[1] - newest)
        return in_time & (items > 0)

    def _recency(self, asked: Recency, who: Pairs) -> np.ndarray:
        timeline = self._past.timeline(Act(event=asked.event, where=asked.where))
        last = timeline.last(*who)
        never: np.ndarray = last == BEFORE_ALL
        if asked.ago is None:
            return never
        is_recent: np.ndarray = last >= who[1] - _length(asked.ago)
        return is_recent if asked.op == "within" else ~never & ~is_recent

    def _did(self, asked: Did, who: Pairs) -> np.ndarray:
        customers, moments = who
        timeline = self._past.timeline(Act(event=asked.event, where=asked.where))
        since = np.full(moments.shape, BEFORE_ALL)
        if isinstance(asked.window, Last):
            since = moments - _length(asked.window.duration)
        return _enough(asked, timeline.count(customers, since, moments + 1))

    def _as_it_is_now(self, asked: Condition) -> np.ndarray:
        key = asked.model_dump_json()
        if key not in self._timeless:
            met = np.zeros(self._past.size, dtype=np.bool_)
            facts = self._past.facts
            found = compiling.matched(Rule.model_validate(asked), facts, self._past.now)
            met[found.ids.to_numpy()] = True
            self._timeless[key] = met
        return self._timeless[key]

    def _by_moments(self, asked: Condition, who: Pairs) -> np.ndarray:
        customers, moments = who
        rule = Rule.model_validate(asked)
        asked_at = self._thinned(moments)
        order = np.argsort(asked_at, kind="stable")
        met = np.zeros(moments.size, dtype=np.bool_)
        different, begins = np.unique(asked_at[order], return_index=True)
        for at, rows in zip(different, np.split(order, begins[1:]), strict=True):
            stopping.check()
            among = self._past.facts.among(self._past.people(customers[rows]).tolist())
            found = compiling.matched(rule, among, instant(at), self._resolve).ids.to_numpy()
            met[rows] = np.isin(customers[rows], found)
        return met

    def _thinned(self, moments: np.ndarray) -> np.ndarray:
        if pl.Series(moments).n_unique() <= MOST_MOMENTS:
            return moments
        first, last = int(moments.min()), int(moments.max())
        step = (last - first) // MOST_MOMENTS + 1
        self.coarse = max(self.coarse, step)
        return first + (moments - first) // step * step


class _Carts:
    """What lay in everybody's cart at any moment: items added less items removed since the last
    line bought, as the segment language has it."""

    def __init__(self, past: Past) -> None:
        moves = []
        for kind, sign in ((Kind.PRODUCT_ADDED, 1), (Kind.PRODUCT_REMOVED, -1)):
            rows = past.rows(int(kind), "quantity")
            n = rows["quantity"].cast(int).fill_null(1) * sign
            moves.append(rows.select("customer_id", "ts", "known").with_columns(n=n))
        both = moves[0].vstack(moves[1]).sort("customer_id", "ts")
        self._moves = Timeline.of(both, past.size)
        self._sums = np.concatenate([[0], np.cumsum(both["n"].to_numpy())])
        self._added = past.of_event("product_added")
        self._bought = past.of_event("order_completed")

    def at(self, customers: np.ndarray, moments: np.ndarray) -> Pairs:
        """Items in the cart, and when the last one was added (BEFORE_ALL: not since the last line
        bought)."""
        who = customers, moments
        emptied = self._bought.last(*who)
        since = self._moves.first_from(customers, emptied, later=True)
        until = self._moves.first_from(customers, moments, later=True)
        added = self._added.last(*who)
        return (
            self._sums[np.maximum(until, since)] - self._sums[since],
            np.where(added > emptied, added, BEFORE_ALL),
        )


def _enough(asked: CountThreshold, found: np.ndarray) -> np.ndarray:
    """``CountThreshold.holds``, of numbers at hand."""
    compared: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
        "at_least": np.greater_equal,
        "at_most": np.less_equal,
        "exactly": np.equal,
        "more_than": np.greater,
        "less_than": np.less,
    }
    if asked.op != "between":
        return compared[asked.op](found, asked.n)
    assert asked.to is not None
    within: np.ndarray = (found >= asked.n) & (found <= asked.to)
    return within


def is_timeless(asked: Condition) -> bool:
    """Whether it asks only for what is not in the log: fields, consent, reach, chance."""
    if isinstance(asked, Trait):
        return asked.op not in _OF_TODAY
    return isinstance(asked, Reachable | Consent | Bucket)


def _slides(asked: Did) -> bool:
    return isinstance(asked.window, Last | Ever)


def _length(duration: Duration) -> int:
    return int(duration.length.total_seconds()) * _MICROS
