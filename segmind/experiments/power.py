"""Before the start: how small a lift an experiment of this size can see, and what size it needs."""

from __future__ import annotations

import math

import scipy

#: What is asked of an experiment: it finds a true effect of the detectable size four times in five.
POWER = 0.8


def detectable_rate(
    base: float, treated: int, control: int, *, confidence: float = 0.95, power: float = POWER
) -> float | None:
    """The smallest rise over the share ``base`` that would be found; None where none can be.

    Normal approximation: the test's variance with both arms alike, the power's with each arm at
    its own share (Fleiss, Levin and Paik 2003, chapter 4), solved by fixed-point iteration.
    """
    if min(treated, control) < 2 or not 0 < base < 1:
        return None
    z_test, z_power = _z_test(confidence), _z_power(power)
    lift = 0.0
    for _ in range(100):
        share = base + lift
        alike = (share * treated + base * control) / (treated + control)
        spread = share * (1 - share) / treated + base * (1 - base) / control
        following = z_test * math.sqrt(alike * (1 - alike) * (1 / treated + 1 / control))
        following += z_power * math.sqrt(spread)
        if base + following >= 1:
            return None
        if abs(following - lift) < 1e-12:
            break
        lift = following
    return lift


def detectable_mean(
    deviation: float, treated: int, control: int, *, confidence: float = 0.95, power: float = POWER
) -> float | None:
    """The smallest difference of means that would be found; ``deviation`` is the outcome's."""
    if min(treated, control) < 2 or deviation <= 0:
        return None
    z = _z_test(confidence) + _z_power(power)
    return z * deviation * math.sqrt(1 / treated + 1 / control)


def needed_size(
    base: float,
    lift: float,
    holdout_share: float,
    *,
    confidence: float = 0.95,
    power: float = POWER,
) -> int | None:
    """How many customers in all find a rise of ``lift`` over ``base`` with this share held out.

    None where no number does: no lift, a share outside 0 to 1, nobody held out.
    """
    share = base + lift
    if lift <= 0 or not (0 <= base < 1 and 0 < share < 1 and 0 < holdout_share < 1):
        return None
    alike = share * (1 - holdout_share) + base * holdout_share
    each = 1 / (1 - holdout_share) + 1 / holdout_share
    spread = share * (1 - share) / (1 - holdout_share) + base * (1 - base) / holdout_share
    reach = _z_test(confidence) * math.sqrt(alike * (1 - alike) * each)
    reach += _z_power(power) * math.sqrt(spread)
    return math.ceil((reach / lift) ** 2)


def needed_for_mean(
    deviation: float, lift: float, *, confidence: float = 0.95, power: float = POWER
) -> int | None:
    """How many customers each of two equal arms needs to find a difference of means of ``lift``;
    None where no number does."""
    if lift <= 0 or deviation <= 0:
        return None
    return math.ceil(2 * ((_z_test(confidence) + _z_power(power)) * deviation / lift) ** 2)


def _z_test(confidence: float) -> float:
    return float(scipy.special.ndtri(0.5 + confidence / 2))


def _z_power(power: float) -> float:
    return float(scipy.special.ndtri(power))
