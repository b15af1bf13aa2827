"""Looking before the end: an interval that may be looked at any time, as often as one likes."""

from __future__ import annotations

import math
from dataclasses import replace

import scipy

from segmind.experiments.effect import Effect


def always_valid(effect: Effect, expected_error: float | None = None) -> Effect:
    """The effect with an interval that holds at every look together, and so is wider.

    A mixture sequential probability ratio interval (Robbins 1970; Johari, Koomen, Pekelis and
    Walsh 2017; asymptotically valid by Waudby-Smith et al. 2024): with the squared error V of the
    estimate and the mixing variance T, its reach is ``sqrt(V (V + T) / T ln((V + T) / (V a^2)))``,
    a = 1 - confidence. T is fixed before the start from ``expected_error``, the standard error at
    the planned end, where the interval then is narrowest relative to the fixed one; None: the
    present error, which is right for a single look at an experiment without a plan.
    """
    fixed = float(scipy.special.ndtri(0.5 + effect.confidence / 2))
    error = (effect.high - effect.low) / 2 / fixed
    if error <= 0:
        return effect
    alpha = 1 - effect.confidence
    squared = error**2
    mixing = _mixing(expected_error or error, alpha)
    both = squared + mixing
    reach = math.sqrt(squared * both / mixing * math.log(both / (squared * alpha**2)))
    likelihood = math.sqrt(squared / both) * math.exp(
        min(700.0, effect.estimate**2 * mixing / (2 * squared * both))
    )
    return replace(
        effect,
        low=effect.estimate - reach,
        high=effect.estimate + reach,
        p_value=min(1.0, 1 / likelihood),
    )


def _mixing(expected_error: float, alpha: float) -> float:
    """The mixing variance that makes the interval narrowest when the error is as expected.

    To first order ``T = V (-2 ln a + ln(-2 ln a) + 1)`` (Waudby-Smith et al. 2024, appendix B.2).
    """
    asked = -2 * math.log(alpha)
    return expected_error**2 * (asked + math.log(asked) + 1)
