"""Several variants against each other: which leads, and whether that can be more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final

from segmind.experiments import means, monitoring, several, shares
from segmind.experiments.effect import Effect, Measured
from segmind.experiments.moments import Moments
from segmind.experiments.shares import Share

#: One contest in twenty between variants that are alike names a winner.
CONFIDENCE: Final = 0.95


class Metric(StrEnum):
    """What a variant is better at. Clicks are people's; everybody who was to get it counts."""

    CLICKS = "clicks"
    ORDERS = "orders"
    REVENUE = "revenue"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Final[dict[Metric, str]] = {
    Metric.CLICKS: "customers who clicked",
    Metric.ORDERS: "customers who ordered",
    Metric.REVENUE: "net revenue per customer",
}


@dataclass(frozen=True, slots=True)
class Duel:
    """How much more ``one`` did than ``other``, per customer; its interval holds together with
    those of all other pairs. ``p_value``: raised for the number of pairs; None: not measured."""

    one: str
    other: str
    effect: Measured
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``leader``: the variant with the highest figure, of several alike the first; None where
    nobody was counted. ``winner``: the leader, if it beats every other variant by more than chance.
    """

    leader: str | None
    winner: str | None
    duels: tuple[Duel, ...]

    def duel(self, one: str, other: str) -> Duel | None:
        """``one`` beside ``other``, in this order; None where they are one or unknown."""
        for each in self.duels:
            if (each.one, each.other) == (one, other):
                return each
            if (each.one, each.other) == (other, one):
                return Duel(one, other, _reversed(each.effect), each.p_value)
        return None


def judge(
    arms: Mapping[str, Share] | Mapping[str, Moments],
    *,
    is_over: bool = True,
    confidence: float = CONFIDENCE,
) -> Verdict:
    """Every pair of variants compared: shares by Newcombe's interval and the score test, means by
    Welch's after CUPED.

    A leader wins when each of its p-values, raised by Holm's method for all pairs, is at most
    1 - ``confidence``: of contests between variants that are alike at most one in twenty then has a
    winner, although the leader was not named beforehand. Intervals are Bonferroni's. Until
    ``is_over`` intervals and p-values are those that may be looked at any time, and nobody wins.
    """
    pairs = list(combinations(arms, 2))
    each = several.confidence_of_each(confidence, len(pairs))
    found = {pair: _difference(arms[pair[0]], arms[pair[1]], each) for pair in pairs}
    if not is_over:
        found = {pair: _any_time(effect) for pair, effect in found.items()}
    raised = several.corrected(
        {_name(pair): its.p_value for pair, its in found.items() if isinstance(its, Effect)}
    )
    duels = tuple(Duel(*pair, effect, raised.get(_name(pair))) for pair, effect in found.items())
    counted = {name: _figure(arm) for name, arm in arms.items() if arm.count}
    leader = max(counted, key=lambda name: counted[name], default=None)
    beaten = [duel.p_value for duel in duels if leader in (duel.one, duel.other)]
    wins = is_over and bool(beaten) and all(p is not None and p <= 1 - confidence for p in beaten)
    return Verdict(leader, leader if wins else None, duels)


def _difference(one: Share | Moments, other: Share | Moments, confidence: float) -> Measured:
    if isinstance(one, Share) and isinstance(other, Share):
        return shares.difference(one, other, confidence=confidence)
    assert isinstance(one, Moments)
    assert isinstance(other, Moments)
    return means.difference(one, other, confidence=confidence)


def _figure(arm: Share | Moments) -> float:
    return arm.value if isinstance(arm, Share) else arm.outcome


def _any_time(found: Measured) -> Measured:
    return monitoring.always_valid(found) if isinstance(found, Effect) else found


def _reversed(found: Measured) -> Measured:
    if not isinstance(found, Effect):
        return found
    return replace(
        found,
        estimate=-found.estimate,
        low=-found.high,
        high=-found.low,
        control=found.control + found.estimate,
    )


def _name(pair: tuple[str, str]) -> str:
    return "\0".join(pair)
