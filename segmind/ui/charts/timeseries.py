"""Values over time: stacked bars for parts of a sum, lines for what is not summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import plotly.graph_objects as go

from segmind.ui.charts.frame import HEIGHT, figure, hover, series_colours, unit_format
from segmind.ui.theme import palette

Instants = Sequence[date] | Sequence[datetime]
Series = Mapping[str, Sequence[float | None]]
#: Marks by how far they are apart, the day before the month as everywhere; the second line stands
#: where it changes.
_MARKS = [
    {"dtickrange": [None, 86_399_999], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b\n%Y"},
    {"dtickrange": ["M1", None], "value": "%b\n%Y"},
]
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def stacked_bars(x: Instants, series: Series, unit: str, *, height: int = HEIGHT) -> go.Figure:
    """One bar a period, stacked by series."""
    fig = figure(height=height, legend=len(series) > 1)
    for (name, values), colour in zip(series.items(), series_colours(list(series)), strict=True):
        fig.add_bar(
            x=list(x),
            y=list(values),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=hover(unit),
        )
    fig.update_layout(barmode="stack")
    return _axes(fig, unit)


def lines(
    x: Instants, series: Series, unit: str, *, height: int = HEIGHT, fill: bool = False
) -> go.Figure:
    """One line a series, told apart by dash as well as by colour."""
    fig = figure(height=height, legend=len(series) > 1)
    named = list(series)
    for index, (name, colour) in enumerate(zip(named, series_colours(named), strict=True)):
        single = fill and len(named) == 1
        fig.add_scatter(
            x=list(x),
            y=list(series[name]),
            name=name,
            mode="lines+markers" if _stands_alone(series[name]) else "lines",
            line={"color": colour, "width": 2.2, "dash": _DASHES[index % len(_DASHES)]},
            fill="tozeroy" if single else None,
            fillcolor=palette().accent_soft if single else None,
            cliponaxis=False,  # a dot at zero is seen whole
            hovertemplate=hover(unit),
        )
    if len(x) <= 2:  # the axis would make up ticks between two instants
        fig.update_xaxes(tickvals=list(x))
    return _axes(fig, unit)


def _stands_alone(values: Sequence[float | None]) -> bool:
    """Whether some value has none beside it: a line alone would not show it."""
    around = [None, *values, None]
    return (
        any(
            value is not None and before is None and after is None
            for before, value, after in zip(around, values, around[2:], strict=False)
        )
        or len(values) < 3
    )


def size_history(x: Instants, sizes: Sequence[int]) -> go.Figure:
    """How a segment's size went; the axis hugs the values, since the change is what matters."""
    fig = lines(x, {"Members": sizes}, "customers", height=220)
    fig.update_yaxes(rangemode="normal")
    return fig


def _axes(fig: go.Figure, unit: str) -> go.Figure:
    prefix, _, suffix = unit_format(unit)
    fig.update_yaxes(tickprefix=prefix, ticksuffix=suffix if suffix == "%" else "")
    # Six marks lie side by side on a phone too, where more are turned on end.
    fig.update_xaxes(hoverformat="%a %-d %b %Y", nticks=6, tickformatstops=_MARKS)
    return fig
