"""The difference between the means of two arms: Welch's interval, sharpened by what was before."""

from __future__ import annotations

import math

import scipy

from segmind.experiments.effect import Effect, Measured, NotMeasured, WhyNot
from segmind.experiments.moments import Moments


def difference(
    treated: Moments, control: Moments, *, confidence: float = 0.95, adjusted: bool = True
) -> Measured:
    """Treated minus control, per customer, with a two-sided interval and p-value.

    Variances may differ (Welch 1947), but where few of an arm did anything (``is_sparse``) both
    have that of all together (Student 1908): with 440 held out of whom 2.6 % buy, 88 of 100 of
    Welch's intervals hold the truth, 95 of these (simulated in the tests). With ``adjusted``, each
    outcome is corrected by what the customer did before: ``y - theta (x - mean x)``, theta from
    both arms together (CUPED; Deng, Xu, Kohavi and Walker 2013). It leaves the expectation as it is
    and narrows the interval; where what was before says nothing, theta is 0 and nothing changes.
    """
    if why := unmeasurable(treated, control):
        return NotMeasured(why)
    theta = _theta(treated, control) if adjusted else 0.0
    squared_error, freedom = _error(treated, control, theta)
    if squared_error <= 0:
        return NotMeasured(WhyNot.NO_VARIANCE)
    estimate = treated.outcome - control.outcome - theta * (treated.before - control.before)
    error = math.sqrt(squared_error)
    reach = float(scipy.special.stdtrit(freedom, 0.5 + confidence / 2)) * error
    plain, _ = _error(treated, control, 0.0)
    return Effect(
        estimate=estimate,
        low=estimate - reach,
        high=estimate + reach,
        p_value=float(2 * scipy.special.stdtr(freedom, -abs(estimate) / error)),
        confidence=confidence,
        control=control.outcome,
        variance_cut=max(0.0, 1 - squared_error / plain) if plain > 0 else 0.0,
    )


def _error(treated: Moments, control: Moments, theta: float) -> tuple[float, float]:
    """The squared standard error of the difference, and its degrees of freedom."""
    if treated.is_sparse or control.is_sparse:
        freedom = treated.count + control.count - 2
        pooled = (treated.squares(theta) + control.squares(theta)) / freedom
        return pooled * (1 / treated.count + 1 / control.count), freedom
    of_treated = treated.variance(theta) / treated.count
    of_control = control.variance(theta) / control.count
    squared = of_treated + of_control
    if squared <= 0:
        return 0.0, 1.0
    # Satterthwaite's degrees of freedom.
    parts = of_treated**2 / (treated.count - 1) + of_control**2 / (control.count - 1)
    return squared, squared**2 / parts


def unmeasurable(treated: Moments, control: Moments) -> WhyNot | None:
    """What stands against comparing these arms at all."""
    if treated.count == 0:
        return WhyNot.NO_TREATED
    if control.count == 0:
        return WhyNot.NO_CONTROL
    if min(treated.count, control.count) < 2:
        return WhyNot.TOO_FEW
    return None


def _theta(treated: Moments, control: Moments) -> float:
    squares = treated.before_squares + control.before_squares
    return (treated.products + control.products) / squares if squares > 0 else 0.0
