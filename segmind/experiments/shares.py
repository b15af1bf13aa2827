"""The difference between two shares: how many of each arm ordered, clicked, came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmind.experiments.effect import Effect, Measured, NotMeasured, WhyNot

#: Below so many expected in a cell the exact test answers instead of the score test (Cochran 1954).
_FEW = 5.0


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``count`` customers."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else 0.0


def difference(treated: Share, control: Share, *, confidence: float = 0.95) -> Measured:
    """Treated minus control as a share of customers, never outside -1 to 1.

    The interval is Newcombe's hybrid score interval (Newcombe 1998, method 10), good with few hits
    and none; the p-value Miettinen and Nurminen's score test, with small expected counts Fisher's
    exact test.
    """
    if treated.count == 0:
        return NotMeasured(WhyNot.NO_TREATED)
    if control.count == 0:
        return NotMeasured(WhyNot.NO_CONTROL)
    # With its pandas it takes longer to import than all else: only who compares pays for it.
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = (treated.hits, treated.count, control.hits, control.count)
    low, high = confint_proportions_2indep(
        *counts, method="newcomb", compare="diff", alpha=1 - confidence
    )
    return Effect(
        estimate=treated.value - control.value,
        low=float(low),
        high=float(high),
        p_value=_p_value(treated, control),
        confidence=confidence,
        control=control.value,
    )


def _p_value(treated: Share, control: Share) -> float:
    hits, count = treated.hits + control.hits, treated.count + control.count
    if hits in (0, count):
        return 1.0  # nobody did, or everybody: the arms are alike
    from scipy import stats
    from statsmodels.stats.proportion import test_proportions_2indep

    rarer = min(hits, count - hits) * min(treated.count, control.count) / count
    if rarer < _FEW:
        table = [[s.hits, s.count - s.hits] for s in (treated, control)]
        return float(stats.fisher_exact(table).pvalue)
    counts = (treated.hits, treated.count, control.hits, control.count)
    # It works out ratios too, which nobody asks for: where a share is 0 or 1 they are infinite.
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(test_proportions_2indep(*counts, method="score", compare="diff").pvalue)
