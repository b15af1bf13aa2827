"""Sharing orders out among the touches that claim them, in whole minor units that add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from segmind.analytics.claims import Claims
from segmind.analytics.customer_numbers import Ints
from segmind.analytics.rule import Rule, Share, Tier
from segmind.events.schema import Source

_HOUR: Final = 3_600_000_000  # microseconds
#: Time decay: a touch counts half as much for each of these. Seven days are the half-life that
#: Google's Universal Analytics had (support.google.com/analytics/answer/1662518).
HALF_LIFE_HOURS: Final = 168
#: The weight of a touch at the order's own instant. Amounts up to 8.7e12 minor units fit.
_FULL: Final = 2**20


@dataclass(frozen=True, eq=False)
class Shares:
    """Claims that got something, and the minor units of each; in order of (order, ts, message)."""

    claims: Claims
    credited: Ints


class Sharing:
    """Shares orders out under one rule after the other, remembering what rules have in common."""

    def __init__(self, claims: Claims, net: Ints) -> None:
        self._claims, self._net = claims, net
        self._near: dict[bytes, Ints] = {}
        self._things: dict[tuple[bytes, bool], Ints] = {}

    def under(self, rule: Rule) -> Shares:
        """The shares of all orders under the rule."""
        order = self._claims.order
        is_open: NDArray[np.bool_] | None = None
        chosen: list[Ints] = []
        amounts: list[Ints] = []
        for number, tier in enumerate(rule.tiers):
            at = self._within(tier)
            if is_open is not None:
                at = at[is_open[order[at]]]
            picked = self._picked(at, tier, number)
            chosen.append(picked)
            amounts.append(self._amounts(picked, tier))
            if number + 1 < len(rule.tiers):
                is_open = np.ones(len(self._net), np.bool_) if is_open is None else is_open
                is_open[order[at]] = False
        at, credited = np.concatenate(chosen), np.concatenate(amounts)
        if len(rule.tiers) > 1:
            sequence = np.argsort(at)
            at, credited = at[sequence], credited[sequence]
        return Shares(self._claims.where(at), credited)

    def _within(self, tier: Tier) -> Ints:
        """The claims inside the tier's windows."""
        lanes = tier.lanes
        if (key := lanes.tobytes()) not in self._near:
            near = self._claims.age <= lanes[self._claims.touch.lane]
            self._near[key] = np.flatnonzero(near)
        return self._near[key]

    def _picked(self, at: Ints, tier: Tier, number: int) -> Ints:
        """Which of the claims ``at`` get something."""
        order = self._claims.order[at]
        if tier.share is Share.LAST:
            return _where(at, np.diff(order, append=-1))
        if tier.share is Share.FIRST:
            return _where(at, np.diff(order, prepend=-1))
        by_source = tier.share is Share.EACH_SOURCE
        key = (tier.lanes.tobytes(), by_source)
        if number or key not in self._things:
            thing = _source(self._claims) if by_source else self._claims.touch.message
            picked = at[_latest(order, thing[at])]
            if number:
                return _last(picked, self._claims.order, tier.most)
            self._things[key] = picked
        return _last(self._things[key], self._claims.order, tier.most)

    def _amounts(self, picked: Ints, tier: Tier) -> Ints:
        order = self._claims.order[picked]
        if not tier.share.adds_up or tier.share in {Share.LAST, Share.FIRST}:
            return self._net[order]
        weights = _weights(tier.share, order, self._claims.age[picked])
        return largest_remainder(order, weights, self._net)


def _where(at: Ints, chosen: Ints) -> Ints:
    """Those whose number in ``chosen`` is not 0."""
    found: Ints = at[chosen != 0]
    return found


def _last(picked: Ints, orders: Ints, most: int | None) -> Ints:
    """At most so many of each order, the latest ones."""
    return picked if most is None else picked[_from_end(orders[picked]) < most]


def _source(claims: Claims) -> Ints:
    """A number for what sent the message; single messages are each their own."""
    single = (claims.touch.maker & 7) == int(Source.SINGLE)
    return np.where(single, -1 - claims.touch.message, claims.touch.maker)


def _latest(order: Ints, thing: Ints) -> Ints:
    """The last claim of each thing on each order, ascending."""
    sequence = np.lexsort((thing, order))  # stable: equal ones stay in order of time
    new = np.diff(order[sequence], append=-1) != 0
    new |= np.diff(thing[sequence], append=0) != 0
    if len(new):
        new[-1] = True
    return np.sort(sequence[new])


def _weights(share: Share, order: Ints, age: Ints) -> Ints:
    if share is Share.DECAY:
        weight = np.exp2(-(age // _HOUR) / HALF_LIFE_HOURS) * _FULL
        return np.maximum(weight.astype(np.int64), 1)
    if share is Share.LINEAR:
        return np.ones(len(order), np.int64)
    _, place, size = _groups(order)
    ends = (place == 0) | (place == size - 1)
    # 40 : 20 / (n - 2) : 40 as whole numbers; two or fewer share equally.
    weights: Ints = np.where(size <= 2, 1, np.where(ends, 40 * np.maximum(size - 2, 1), 20))
    return weights


def largest_remainder(group: Ints, weight: Ints, amount: Ints) -> Ints:
    """``amount[group]`` shared out among neighbours of one group by positive whole weights.

    Every group gets its amount exactly: each member its share rounded down, and what is left one
    by one to the largest remainders, of equal ones to the later member (Hamilton's method).
    """
    if not len(group):
        return np.zeros(0, np.int64)
    firsts, _, size = _groups(group)
    total = np.repeat(np.add.reduceat(weight, firsts), size[firsts])
    whole = amount[group]
    credited, rest = np.divmod(whole * weight, total)
    left = whole - np.repeat(np.add.reduceat(credited, firsts), size[firsts])
    if not left.any():
        return credited
    sequence = np.lexsort((-np.arange(len(group)), -rest, group))
    rank = np.empty(len(group), np.int64)
    rank[sequence] = np.arange(len(group)) - np.repeat(firsts, size[firsts])
    shares: Ints = credited + (rank < left)
    return shares


def _groups(group: Ints) -> tuple[Ints, Ints, Ints]:
    """Where each run of one group begins; each member's place in its run, and the run's size."""
    firsts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(firsts, append=len(group))
    return firsts, np.arange(len(group)) - np.repeat(firsts, sizes), np.repeat(sizes, sizes)


def _from_end(group: Ints) -> Ints:
    _, place, size = _groups(group)
    return size - 1 - place
