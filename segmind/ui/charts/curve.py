"""Values at named places in a row: by so many hours, at each hour of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from segmind.ui.charts.frame import HEIGHT, figure, hover, series_colours, unit_format

_DASHES = ("solid", "dash")
_MARKS = ("circle", "diamond")


def curve(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    unit: str,
    *,
    written: bool = True,
) -> go.Figure:
    """One line a series over the labels, in their order; ``written``: each value beside its
    point."""
    fig = figure(height=HEIGHT, legend=len(series) > 1)
    prefix, form, suffix = unit_format(unit)
    short = suffix if len(suffix) == 1 else ""
    named = list(series)
    for index, (name, colour) in enumerate(zip(named, series_colours(named), strict=True)):
        values = list(series[name])
        fig.add_scatter(
            x=list(labels),
            y=values,
            name=name,
            mode="lines+markers+text" if written and len(named) == 1 else "lines+markers",
            text=["" if v is None else f"{prefix}{v:{form}}{short}" for v in values],
            textposition="top center",
            cliponaxis=False,
            line={"color": colour, "width": 2.2, "dash": _DASHES[index % len(_DASHES)]},
            marker={"symbol": _MARKS[index % len(_MARKS)], "size": 8},
            hovertemplate=hover(unit),
        )
    fig.update_xaxes(type="category")
    most = max((v for values in series.values() for v in values if v is not None), default=0)
    fig.update_yaxes(range=[0, most * 1.2 or 1], ticksuffix=short)
    return fig


def columns(labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str) -> go.Figure:
    """Standing bars over the labels, side by side where there are several series."""
    fig = figure(legend=len(series) > 1)
    named = list(series)
    for name, colour in zip(named, series_colours(named), strict=True):
        fig.add_bar(
            x=list(labels),
            y=list(series[name]),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=hover(unit),
        )
    fig.update_layout(barmode="group")
    fig.update_xaxes(type="category", nticks=12)
    return fig
