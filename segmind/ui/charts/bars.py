"""Horizontal bars: ranks and funnels, all from one zero line, labelled in words."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from segmind.ui import figures
from segmind.ui.charts.frame import figure, hover, unit_format
from segmind.ui.theme import palette


def ranked(
    labels: Sequence[str],
    values: Sequence[float],
    unit: str,
    *,
    colours: Sequence[str] | None = None,
) -> go.Figure:
    """Bars in the given order, the first on top, each with its value written beside it."""
    prefix, form, suffix = unit_format(unit)
    short = suffix if len(suffix) == 1 else ""
    fig = figure(height=70 + 34 * max(1, len(labels)), legend=False, hover="closest")
    fig.add_bar(
        y=list(labels),
        x=list(values),
        orientation="h",
        marker={"color": list(colours) if colours else palette().accent},
        text=[f"{prefix}{_written(value, form)}{short}" for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertemplate=f"%{{y}}: {hover(unit, 'x')}<extra></extra>",
    )
    return _lying(fig, values)


def _written(value: float, form: str) -> str:
    """As the unit wants it; short from ten thousand on, since decimals are cut off on a phone."""
    return (
        figures.short(value) if form.endswith("f") and abs(value) >= 10_000 else f"{value:{form}}"
    )


def funnel(steps: Sequence[tuple[str, int]], unit: str) -> go.Figure:
    """Steps as bars from one line: the count, and its share of the first step. The share of the
    step before is told when pointed at: two lines beside a bar are cut off on a phone."""
    top = steps[0][1] if steps else 0
    texts, hints, before = [], [], top
    for index, (_, value) in enumerate(steps):
        texts.append(f"{value:,}" if index == 0 else f"{value:,} ({figures.share(value, top)})")
        of_before = f"<br>{figures.share(value, before)} of the step before" if index else ""
        hints.append(of_before if before else "")
        before = value
    fig = figure(height=64 + 44 * max(1, len(steps)), legend=False, hover="closest")
    fig.add_bar(
        y=[label for label, _ in steps],
        x=[value for _, value in steps],
        orientation="h",
        marker={"color": palette().accent},
        text=texts,
        textposition="auto",
        insidetextanchor="start",
        insidetextfont={"color": palette().surface},
        cliponaxis=False,
        customdata=hints,
        hovertemplate=f"%{{y}}: %{{x:,}} {unit}%{{customdata}}<extra></extra>",
    )
    return _lying(fig, [value for _, value in steps])


def _lying(fig: go.Figure, values: Sequence[float]) -> go.Figure:
    """With room beyond the longest bar, so that its value fits on a narrow screen."""
    most = max((abs(value) for value in values), default=1) or 1
    fig.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8, rangemode=None
    )
    # The value of a bar that goes left stands left of it, however short it is.
    least = min(0, *values, 0)
    room = least - 0.14 * most if least < 0 else 0
    fig.update_xaxes(visible=False, range=[room, most * 1.42])
    fig.update_layout(bargap=0.34)
    return fig
