"""Lines over a length of time: days, weeks or months since something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure, hover, series_colours, unit_format
from segmind.ui.theme import palette

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def curves(
    x: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    unit: str,
    x_title: str,
    *,
    marks: Mapping[str, float] | None = None,
    height: int = 300,
) -> go.Figure:
    """One line a series, told apart by dash as well as by colour. ``x_title`` names what the
    numbers of ``x`` count; ``marks`` are places on that axis with a name."""
    fig = figure(height=height, legend=len(series) > 1)
    named = list(series)
    for n, (name, colour) in enumerate(zip(named, series_colours(named), strict=True)):
        fig.add_scatter(
            x=list(x),
            y=list(series[name]),
            name=name,
            mode="lines+markers" if len(x) <= 16 else "lines",
            line={"color": colour, "width": 2.2, "dash": _DASHES[n % len(_DASHES)]},
            hovertemplate=f"{x_title} %{{x}}: {hover(unit)}<extra>{name}</extra>",
        )
    for n, (name, place) in enumerate((marks or {}).items()):
        fig.add_vline(x=place, line={"dash": "dot", "width": 1.5, "color": palette().holdout})
        # Each below the one before: they may be close to each other.
        fig.add_annotation(
            x=place, y=1 - 0.1 * n, yref="paper", text=name, showarrow=False, xanchor="left",
            xshift=4,
        )  # fmt: skip
    prefix, _, suffix = unit_format(unit)
    fig.update_yaxes(tickprefix=prefix, ticksuffix=suffix if suffix == "%" else "")
    fig.update_xaxes(title={"text": x_title}, rangemode="tozero")
    fig.update_layout(hovermode="closest", margin={"l": 0, "r": 8, "t": 30, "b": 36})
    return fig
