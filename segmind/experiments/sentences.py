"""What a comparison found, in plain words."""

from __future__ import annotations

from collections.abc import Callable

from segmind import percent
from segmind.experiments.effect import Measured, NotMeasured


def sentence(found: Measured, show: Callable[[float], str]) -> str:
    """One sentence that claims no more than was found; ``show`` writes a value with its unit.

    ``More by +8,400 (95% sure of +2,100 to +14,700).`` or ``Not significant: could be anywhere
    from -2,100 to +8,400.``
    """
    if isinstance(found, NotMeasured):
        return found.sentence
    low, high = _signed(found.low, show), _signed(found.high, show)
    if not found.is_significant:
        return f"Not significant: could be anywhere from {low} to {high}."
    direction = "More" if found.estimate > 0 else "Less"
    estimate = _signed(found.estimate, show)
    sure = percent.of_share(found.confidence, 0)
    return f"{direction} by {estimate} ({sure} sure of {low} to {high})."


def _signed(value: float, show: Callable[[float], str]) -> str:
    return f"{'+' if value >= 0 else '−'}{show(abs(value))}"
