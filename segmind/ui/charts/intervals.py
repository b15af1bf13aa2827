"""Dots with their intervals beside a line of no difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure, hover
from segmind.ui.theme import palette


@dataclass(frozen=True, slots=True)
class Interval:
    """One estimate and the bounds of what is plausible, in the chart's unit."""

    label: str
    estimate: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0


def dots(intervals: Sequence[Interval], unit: str) -> go.Figure:
    """The first on top; an interval that leaves room for "no difference" is grey."""
    colours = palette()
    fig = figure(height=84 + 44 * max(1, len(intervals)), legend=False, hover="closest")
    shades = [colours.accent if each.is_clear else colours.holdout for each in intervals]
    for each, shade in zip(intervals, shades, strict=True):
        fig.add_scatter(
            x=[each.low, each.high],
            y=[each.label, each.label],
            mode="lines",
            line={"color": shade, "width": 3},
            hoverinfo="skip",
        )
    fig.add_scatter(
        x=[each.estimate for each in intervals],
        y=[each.label for each in intervals],
        mode="markers",
        marker={"size": 11, "color": shades},
        hovertemplate=f"%{{y}}: {hover(unit, 'x')}<extra></extra>",
    )
    fig.add_vline(x=0, line={"color": colours.grid, "width": 2})
    fig.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8, rangemode=None
    )
    fig.update_xaxes(showgrid=True, gridcolor=colours.grid, zeroline=False)
    return fig
