"""What is said of a handful of measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The 50th percentile by nearest rank: one of the values."""
    return percentile(values, 0.5)


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios: as often so much faster as slower is 1."""
    return math.exp(sum(map(math.log, values)) / len(values))
