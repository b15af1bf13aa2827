"""From everybody to who will receive: each step takes some away."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure
from segmind.ui.theme import palette


def waterfall(
    start: tuple[str, int], removed: Sequence[tuple[str, int]], end: tuple[str, int]
) -> go.Figure:
    """``start``, what each reason removed (steps of nothing are left out), and ``end``."""
    colours = palette()
    steps = [(label, n) for label, n in removed if n]
    labels = [start[0], *(label for label, _ in steps), end[0]]
    fig = figure(height=64 + 36 * len(labels), legend=False, hover="closest")
    fig.add_waterfall(
        orientation="h",
        y=labels,
        x=[start[1], *(-n for _, n in steps), end[1]],
        measure=["absolute", *("relative" for _ in steps), "total"],
        text=[f"{start[1]:,}", *(f"−{n:,}" for _, n in steps), f"{end[1]:,}"],
        textposition="outside",
        cliponaxis=False,
        connector={"line": {"color": colours.grid, "width": 1}},
        decreasing={"marker": {"color": colours.holdout}},
        totals={"marker": {"color": colours.accent}},
        increasing={"marker": {"color": colours.accent}},
        hovertemplate="%{y}: %{text} customers<extra></extra>",
    )
    fig.update_yaxes(autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8)
    # A number stands left of its bar, which may end near zero: there it needs room beside the name;
    # that of the longest bar stands right of it, and needs a quarter of a phone's plot.
    whole = max(1, start[1])
    fig.update_xaxes(visible=False, range=[min(0, end[1] - 0.16 * whole), 1.34 * whole])
    return fig
