"""Several variants against one control: each claim is made harder, so that all hold together."""

from __future__ import annotations

from collections.abc import Mapping


def corrected(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values so raised that, of all of them together, one in twenty errs (Holm 1979).

    The same as statsmodels' ``multipletests``, which collects all garbage of the process at every
    call: a fifth of a second.
    """
    raised: dict[str, float] = {}
    least = 0.0
    for place, (name, value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, value * (len(p_values) - place)))
        raised[name] = least
    return {name: raised[name] for name in p_values}


def confidence_of_each(confidence: float, comparisons: int) -> float:
    """The confidence of each interval so that all of them hold with ``confidence`` (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, comparisons)
