"""Whether an experiment may be believed at all: do the arms have the sizes that were drawn?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import scipy

#: Chance alone makes a mismatch this large in one experiment of two thousand (Fabijan et al. 2019
#: stop at the same value): what is rarer has a cause.
ALARM = 0.0005


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """``p_value``: how likely chance makes arms as uneven as these."""

    p_value: float
    expected: Mapping[str, float]
    observed: Mapping[str, int]

    @property
    def is_sound(self) -> bool:
        return self.p_value >= ALARM

    @property
    def sentence(self) -> str:
        if self.is_sound:
            return "The groups have the sizes that were drawn."
        return (
            "The groups do not have the sizes that were drawn (sample-ratio mismatch): something "
            "kept customers out of one group more than out of the other. Do not trust the lift."
        )


def ratio_check(observed: Mapping[str, int], weights: Mapping[str, float]) -> RatioCheck:
    """Chi-squared test of the arms' sizes against their relative weights (0: left out)."""
    weights = {name: share for name, share in weights.items() if share > 0}
    total, weight = sum(observed.get(name, 0) for name in weights), sum(weights.values())
    expected = {name: total * share / weight for name, share in weights.items()}
    p_value = 1.0
    if total > 0 and len(weights) > 1:
        distance = sum(
            (observed.get(name, 0) - size) ** 2 / size for name, size in expected.items()
        )
        p_value = float(scipy.special.chdtrc(len(weights) - 1, distance))
    return RatioCheck(p_value, expected, dict(observed))
