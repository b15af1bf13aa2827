"""A comparison with its bounds, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from segmind.experiments.effect import Effect, Measured


class EffectOut(BaseModel):
    """An estimate with its bounds, or none and the reason."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = Field(default=None, description="Corrected for all comparisons made.")
    confidence: float | None = None
    is_significant: bool = False
    reason: str | None = Field(default=None, description="Why nothing can be measured.")


def effect(found: Measured, p_value: float | None) -> EffectOut:
    """``p_value``: the corrected one."""
    if not isinstance(found, Effect):
        return EffectOut(reason=found.sentence)
    return EffectOut(
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        p_value=p_value,
        confidence=found.confidence,
        is_significant=found.is_significant,
    )
