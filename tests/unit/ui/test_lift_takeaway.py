"""What the page Lift says of all experiments at once."""

from __future__ import annotations

import polars as pl

from segmind.experiments import several
from segmind.ui.views.lift.across import takeaway


def _found(*p_values: float | None) -> pl.DataFrame:
    known = {str(n): p for n, p in enumerate(p_values) if p is not None}
    together = several.corrected(known)
    return pl.DataFrame(
        {
            "name": [f"Campaign {n}" for n in range(len(p_values))],
            "p_revenue": pl.Series(p_values, dtype=pl.Float64),
            "p_together": pl.Series(
                [together.get(str(n)) for n in range(len(p_values))], dtype=pl.Float64
            ),
        }
    )


def test_what_is_clear_alone_only_is_not_called_an_effect_among_many() -> None:
    said = takeaway(_found(0.02, *[0.4] * 8))
    assert said.startswith("None of 9 things measured shows an effect beyond chance")
    assert "Campaign 0 would, looked at alone" in said
    assert "these show an effect beyond chance: Campaign 0." in takeaway(_found(0.02))
    assert "Of 9 measured, these show" in takeaway(_found(0.004, *[0.4] * 8))


def test_what_could_not_be_measured_is_not_counted() -> None:
    assert takeaway(_found(None, 0.5, 0.7)).startswith("None of 2 things measured")
    assert "looked at alone" not in takeaway(_found(0.5, None))
