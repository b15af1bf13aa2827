"""What all charts share: margins, legend, hover, height. Fonts and lines come from the theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from segmind.ui.theme import Palette, palette

#: No modebar: the chart card has the table and the CSV.
CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
HEIGHT = 288
#: Letters of a name beside a bar or dot.
_LONGEST = 32


def figure(*, height: int = HEIGHT, legend: bool = True, hover: str = "x unified") -> go.Figure:
    """An empty figure in the house style."""
    colours = palette()
    fig = go.Figure()
    fig.update_layout(
        height=height,
        margin={"l": 0, "r": 8, "t": 30 if legend else 6, "b": 0},
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "xanchor": "left",
            "title": {"text": ""},
        },
        hovermode=hover,
        hoverlabel={"namelength": -1},
        bargap=0.28,
        dragmode=False,
        uirevision="kept",
        xaxis={"title": None, "fixedrange": True, "showgrid": False},
        yaxis={
            "title": None,
            "fixedrange": True,
            "gridcolor": colours.grid,
            "separatethousands": True,
            "zeroline": False,
            "rangemode": "tozero",
        },
    )
    return fig


def numbered(names: Iterable[str]) -> list[str]:
    """``1. Spring sale``: two of one name stay apart, and long ones leave room for the chart."""
    return [
        f"{n}. {name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '…'}"
        for n, name in enumerate(names, 1)
    ]


def unit_format(unit: str) -> tuple[str, str, str]:
    """Prefix, number format and suffix of a unit: ``$``, ``%``, ``×``, ``messages``..."""
    if unit == "%":
        return "", ".1f", "%"
    if unit == "×":
        return "", ",.1f", "×"
    if len(unit) == 1 and unit in "$€£¥₹":
        return unit, ",.2f", ""
    return "", ",", f" {unit}" if unit else ""


def hover(unit: str, axis: str = "y") -> str:
    """A hover line with its unit and no trace box."""
    prefix, form, suffix = unit_format(unit)
    return f"{prefix}%{{{axis}:{form}}}{suffix}"


def series_colours(names: Sequence[str]) -> list[str]:
    """A fixed colour for channels, then the rest of the palette in order."""
    colours: Palette = palette()
    spare = [colours.accent, colours.good, colours.warn, colours.holdout]
    known = {
        "email": colours.email,
        "sms": colours.sms,
        "push": colours.push,
        "revenue": colours.revenue,
        "bounced": colours.bad,
        "unsubscribed": colours.warn,
        "no campaign": colours.holdout,
        "holdout": colours.holdout,
    }
    chosen: list[str] = []
    for name in names:
        meant = name.lower().replace("-", "")
        chosen.append(known.get(meant) or spare[len(chosen) % len(spare)])
    return chosen
