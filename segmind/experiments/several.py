"""Several variants against one control: each claim is made harder, so that all hold together."""

from __future__ import annotations

from collections.abc import Mapping

from statsmodels.stats.multitest import multipletests


def corrected(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values so raised that, of all of them together, one in twenty errs (Holm 1979)."""
    if not p_values:
        return {}
    raised = multipletests(list(p_values.values()), method="holm")[1]
    return {name: float(value) for name, value in zip(p_values, raised, strict=True)}


def confidence_of_each(confidence: float, comparisons: int) -> float:
    """The confidence of each interval so that all of them hold with ``confidence`` (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, comparisons)
