"""Lift: what the customers who were written to did more than those who were held out on purpose.

Everybody counts in the group that chance put them into, whether the message arrived or not: who
could not be reached is in both groups alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from segmind import percent
from segmind.analytics.definition import Definition
from segmind.analytics.roi import Incremental, Key
from segmind.customers.bought import bought, net_revenue, present
from segmind.customers.facts import Facts
from segmind.events.spans import Span
from segmind.experiments import means, monitoring, several, shares
from segmind.experiments.effect import Effect, Measured, NotMeasured, WhyNot
from segmind.experiments.experiment import HOLDOUT, Experiment
from segmind.experiments.moments import Moments
from segmind.experiments.shares import Share
from segmind.experiments.soundness import RatioCheck, ratio_check

#: What customers bought in so many days before the start sharpens what they bought after it.
DAYS_BEFORE: Final = 30


@dataclass(frozen=True, slots=True)
class Arm:
    """One group: customers, how many of them ordered in the window, and their net revenue."""

    name: str
    customers: int
    buyers: int
    net_revenue: int  # minor units

    @property
    def conversion_rate(self) -> float | None:
        return self.buyers / self.customers if self.customers else None

    @property
    def revenue_per_customer(self) -> float | None:
        return self.net_revenue / self.customers if self.customers else None


@dataclass(frozen=True, slots=True)
class ArmLift:
    """What an arm did more than the control: per customer, and for the whole arm.

    ``conversions`` in customers who ordered, ``revenue`` in minor units.
    """

    arm: Arm
    conversion: Measured
    revenue: Measured
    p_conversion: float | None  # corrected for the number of arms; None: not measured
    p_revenue: float | None

    @property
    def conversions(self) -> Measured:
        return _in_all(self.conversion, self.arm.customers)

    @property
    def total_revenue(self) -> Measured:
        return _in_all(self.revenue, self.arm.customers)


@dataclass(frozen=True)
class Lift:
    """The answer. Until ``is_over`` the intervals are those that may be looked at any time, and
    for ever where it ``goes_on``."""

    arms: tuple[ArmLift, ...]
    control: Arm
    ratio: RatioCheck
    is_over: bool
    goes_on: bool
    definition: Definition

    @property
    def total_revenue(self) -> Measured:
        """Of a single arm its total; several are not added up (their intervals do not add)."""
        return self.arms[0].total_revenue if self.arms else NotMeasured(WhyNot.NO_TREATED)


def measure(
    facts: Facts, experiment: Experiment, as_of: datetime, *, confidence: float = 0.95
) -> Lift:
    """The lift of every arm over the control as of a moment.

    Conversion is at least one order in the window, compared by Newcombe's interval; revenue is
    order lines less refunds in the window, per customer, compared by ``means.difference`` (Welch,
    where few bought with one variance for both) after CUPED with the net revenue of the
    ``DAYS_BEFORE`` days before the start. With several arms each interval is as wide as all of them
    together need (Bonferroni), p-values are Holm's.
    """
    is_over = as_of >= experiment.until and not experiment.goes_on
    orders, net, before = _acts(facts, experiment, as_of)

    def did(customers: np.ndarray) -> Did:
        mine = present(facts, customers)
        return Did(orders[mine], net[mine], before[mine])

    return compared(
        {name: did(arm) for name, arm in experiment.arms.items()},
        did(experiment.control),
        experiment.weights,
        is_over=is_over,
        goes_on=experiment.goes_on,
        confidence=confidence,
        definition=_definition(experiment, as_of, confidence, is_over, facts.zone.key),
    )


@dataclass(frozen=True)
class Did:
    """What the customers of a group did, one entry for each: ``orders`` in the window, ``net``
    revenue in it and ``before`` it (minor units)."""

    orders: np.ndarray
    net: np.ndarray
    before: np.ndarray

    def arm(self, name: str) -> Arm:
        return Arm(name, len(self.net), int(np.count_nonzero(self.orders)), int(self.net.sum()))


def compared(
    arms: Mapping[str, Did],
    control: Did,
    weights: Mapping[str, float],
    *,
    is_over: bool,
    goes_on: bool,
    confidence: float,
    definition: Definition,
) -> Lift:
    """Every arm beside the control; see ``measure``."""
    each = several.confidence_of_each(confidence, len(arms))
    shown = {name: did.arm(name) for name, did in arms.items()}
    held = control.arm(HOLDOUT)
    spent = Moments.of(control.net, control.before)
    found = {}
    for name, did in arms.items():
        mine = shown[name]
        pair = (
            shares.difference(
                Share(mine.buyers, mine.customers),
                Share(held.buyers, held.customers),
                confidence=each,
            ),
            means.difference(Moments.of(did.net, did.before), spent, confidence=each),
        )
        found[name] = pair if is_over else (_any_time(pair[0]), _any_time(pair[1]))
    conversion = several.corrected(_p_values({n: pair[0] for n, pair in found.items()}))
    revenue = several.corrected(_p_values({n: pair[1] for n, pair in found.items()}))
    return Lift(
        arms=tuple(
            ArmLift(shown[name], *pair, conversion.get(name), revenue.get(name))
            for name, pair in found.items()
        ),
        control=held,
        ratio=ratio_check(
            {**{name: arm.customers for name, arm in shown.items()}, HOLDOUT: held.customers},
            weights,
        ),
        is_over=is_over,
        goes_on=goes_on,
        definition=definition,
    )


def incremental(lifts: Mapping[Key, Lift]) -> dict[Key, Incremental]:
    """What each experiment with one arm caused in all, for the return on messages (minor units).

    Left out are those that cannot be measured and those with several arms, whose intervals do not
    add up.
    """
    found = {}
    for key, lift in lifts.items():
        total = lift.total_revenue if len(lift.arms) == 1 else None
        if isinstance(total, Effect):
            found[key] = Incremental(round(total.estimate), round(total.low), round(total.high))
    return found


def _acts(
    facts: Facts, experiment: Experiment, as_of: datetime
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders and net revenue in the window, net revenue before it, by customer id."""
    until = min(experiment.until, as_of + timedelta(microseconds=1))
    done = bought(facts, Span(experiment.start, max(until, experiment.start)))
    earlier = Span(experiment.start - timedelta(days=DAYS_BEFORE), experiment.start)
    return done.orders, done.net, net_revenue(facts, earlier)


def _any_time(found: Measured) -> Measured:
    return monitoring.always_valid(found) if isinstance(found, Effect) else found


def _in_all(found: Measured, customers: int) -> Measured:
    return found.times(customers) if isinstance(found, Effect) else found


def _p_values(found: Mapping[str, Measured]) -> dict[str, float]:
    return {name: each.p_value for name, each in found.items() if isinstance(each, Effect)}


def _definition(
    experiment: Experiment, as_of: datetime, confidence: float, is_over: bool, zone: str
) -> Definition:
    return Definition(
        what="Customers who were to get the message, less those held out by chance: share with "
        "at least one order, and net revenue per customer. "
        f"{intervals_words(confidence, is_over, experiment.goes_on)}.",
        window=f"{experiment.days} x 24 h from {experiment.start.isoformat()}",
        start_point="the launch, for everybody; who was not reached counts too",
        tie_break="none: every customer is in one group",
        zone=zone,
        as_of=as_of,
    )


def intervals_words(confidence: float, is_over: bool, goes_on: bool) -> str:
    """Which intervals they are."""
    if is_over:
        return (
            f"{percent.of_share(confidence, 0)} intervals (conversion: Newcombe; revenue: Welch, "
            f"adjusted by the {DAYS_BEFORE} days before)"
        )
    until = "" if goes_on else ", until the window ends"
    return f"{percent.of_share(confidence, 0)} intervals that hold however often one looks{until}"
