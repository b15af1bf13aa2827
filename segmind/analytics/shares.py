"""Sharing orders out among the touches that claim them, in whole minor units that add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from segmind.analytics.claims import Claims
from segmind.analytics.rule import Rule, Share, Tier
from segmind.analytics.touches import Ints
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


def shared(claims: Claims, rule: Rule, net: Ints) -> Shares:
    """The orders' ``net`` (one for each order, not negative) shared out under the rule."""
    is_open = np.ones(len(net), np.bool_)
    chosen: list[Ints] = []
    amounts: list[Ints] = []
    for tier in rule.tiers:
        near = claims.age <= tier.lanes[claims.touch.lane]
        at = np.flatnonzero(near & is_open[claims.order])
        is_open[claims.order[at]] = False
        picked, credited = _tier(claims.where(at), tier, net)
        chosen.append(at[picked])
        amounts.append(credited)
    at, credited = np.concatenate(chosen), np.concatenate(amounts)
    if len(rule.tiers) > 1:
        sequence = np.argsort(at)
        at, credited = at[sequence], credited[sequence]
    return Shares(claims.where(at), credited)


def _tier(claims: Claims, tier: Tier, net: Ints) -> tuple[Ints, Ints]:
    """Which of the claims get something, and how much."""
    order = claims.order
    if tier.share is Share.LAST:
        picked = np.flatnonzero(np.diff(order, append=-1))
        return picked, net[order[picked]]
    if tier.share is Share.FIRST:
        picked = np.flatnonzero(np.diff(order, prepend=-1))
        return picked, net[order[picked]]
    by_source = tier.share is Share.EACH_SOURCE
    picked = _latest(order, _source(claims) if by_source else claims.touch.message)
    if tier.most is not None:
        picked = picked[_from_end(order[picked]) < tier.most]
    if not tier.share.adds_up:
        return picked, net[order[picked]]
    weights = _weights(tier.share, order[picked], claims.age[picked])
    return picked, largest_remainder(order[picked], weights, net)


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
    firsts, place, size = _groups(order)
    del firsts
    ends = (place == 0) | (place == size - 1)
    # 40 : 20 / (n - 2) : 40 as whole numbers; two or fewer share equally.
    return np.where(size <= 2, 1, np.where(ends, 40 * np.maximum(size - 2, 1), 20))


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
    return credited + (rank < left)


def _groups(group: Ints) -> tuple[Ints, Ints, Ints]:
    """Where each run of one group begins; each member's place in its run, and the run's size."""
    firsts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(firsts, append=len(group))
    return firsts, np.arange(len(group)) - np.repeat(firsts, sizes), np.repeat(sizes, sizes)


def _from_end(group: Ints) -> Ints:
    _, place, size = _groups(group)
    return size - 1 - place
