"""Audience shown = audience sent: the steps from a segment to who will receive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from segmind.ui.charts.waterfall import waterfall
from segmind.ui.components.chart_card import chart_card


def waterfall_card(
    steps: Mapping[str, Any] | None,
    *,
    key: str,
    title: str = "Who will receive it",
    end: str = "Will receive",
) -> None:
    """A card for a waterfall in JSON: ``steps`` of label, removed, remaining."""
    rows = list((steps or {}).get("steps", []))
    table = pl.DataFrame(
        {
            "Step": [row["label"] for row in rows],
            "Removed": [row["removed"] for row in rows],
            "Remaining": [row["remaining"] for row in rows],
        }
    )
    figure = None
    if rows:
        first, last = rows[0], rows[-1]
        figure = waterfall(
            (first["label"], first["remaining"]),
            [(row["label"], row["removed"]) for row in rows[1:]],
            (end, last["remaining"]),
        )
    chart_card(
        title,
        "customers",
        "Everybody in the segment, less everybody who must not or shall not be reached; each "
        "person is counted at the first reason that applies, so the steps add up.",
        figure,
        table,
        key=key,
        empty="Choose a segment first.",
        stretch=False,
    )
