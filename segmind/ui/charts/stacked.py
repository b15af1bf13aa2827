"""Lying bars in parts: what a sum is made of, one bar a thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure, hover, unit_format


def stacked(
    labels: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    unit: str,
    colours: Sequence[str],
    patterns: Sequence[str],
) -> go.Figure:
    """Bars in the given order, the first on top, the sum written beside each. Parts are told apart
    by colour and by pattern ("" plain, "/" hatched)."""
    prefix, form, suffix = unit_format(unit)
    sums = [sum(values) for values in zip(*parts.values(), strict=True)]
    fig = figure(height=96 + 30 * max(1, len(labels)), legend=len(parts) > 1, hover="closest")
    for (name, values), colour, pattern in zip(parts.items(), colours, patterns, strict=True):
        fig.add_bar(
            y=list(labels),
            x=list(values),
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern, "fgopacity": 0.6}},
            hovertemplate=f"%{{y}}, {name}: {hover(unit, 'x')}<extra></extra>",
        )
    for label, value in zip(labels, sums, strict=True):
        said = f"{prefix}{value:{form}}{suffix if suffix == '%' else ''}"
        fig.add_annotation(
            x=value, y=label, text=said, showarrow=False, xanchor="left", xshift=6
        )  # fmt: skip
    fig.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8, rangemode=None
    )
    fig.update_xaxes(visible=False, range=[0, (max(sums, default=1) or 1) * 1.42])
    fig.update_layout(barmode="stack", bargap=0.34, legend={"traceorder": "normal"})
    return fig
