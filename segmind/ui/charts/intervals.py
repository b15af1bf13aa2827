"""Dots with their intervals beside a line of no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

from segmind.ui import figures
from segmind.ui.charts.frame import figure, unit_format
from segmind.ui.theme import palette

#: How many times the farthest bound may lie beyond the middle one on an even scale.
_UNEVEN: Final = 6
#: At most so many marks on each side of zero: more do not fit on a narrow screen.
_MARKS: Final = 2


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

    @property
    def reach(self) -> float:
        return max(abs(self.low), abs(self.high))


def dots(intervals: Sequence[Interval], unit: str, *, powers: bool = False) -> go.Figure:
    """The first on top; an interval that leaves room for "no difference" is grey.

    The estimate is written above its dot. With ``powers`` the axis goes by powers of ten: symmetric
    about zero, and even between -1 and 1.
    """
    colours = palette()
    place = _by_powers if powers else float
    fig = figure(height=84 + 44 * max(1, len(intervals)), legend=False, hover="closest")
    shades = [colours.accent if each.is_clear else colours.holdout for each in intervals]
    for each, shade in zip(intervals, shades, strict=True):
        fig.add_scatter(
            x=[place(each.low), place(each.high)],
            y=[each.label, each.label],
            mode="lines",
            line={"color": shade, "width": 3},
            hoverinfo="skip",
        )
    fig.add_scatter(
        x=[place(each.estimate) for each in intervals],
        y=[each.label for each in intervals],
        mode="markers+text",
        marker={"size": 11, "color": shades},
        text=[said(each.estimate, unit) for each in intervals],
        textposition="top center",
        textfont={"size": 11},
        cliponaxis=False,
        customdata=[_in_words(each, unit) for each in intervals],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    fig.add_vline(x=0, line={"color": colours.holdout, "width": 1}, layer="below")
    fig.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8, rangemode=None
    )
    fig.update_xaxes(
        showgrid=True,
        gridcolor=colours.grid,
        zeroline=False,
        **_axis(intervals, unit, powers=powers),
    )
    return fig


def goes_by_powers(intervals: Sequence[Interval]) -> bool:
    """Whether an even scale would press most of them into one point. Lengths on the other cannot
    be compared by eye: it is for ratios, which may differ a thousandfold, not for sums of money."""
    reaches = sorted(each.reach for each in intervals)
    return bool(reaches) and reaches[-1] > _UNEVEN * max(1, reaches[len(reaches) // 2])


def said(value: float, unit: str) -> str:
    """``+$1.2K``, ``−0.6×``, ``+1.25%``: a difference, short."""
    prefix, _, suffix = unit_format(unit)
    mark = "−" if value < 0 else "+" if value > 0 else ""
    return f"{mark}{prefix}{figures.short(abs(value))}{suffix}"


def _in_words(each: Interval, unit: str) -> str:
    low, high = said(each.low, unit), said(each.high, unit)
    return f"{said(each.estimate, unit)}, plausibly {low} to {high}"


def _by_powers(value: float) -> float:
    """Even from -1 to 1, and one step for each power of ten beyond."""
    if abs(value) <= 1:
        return value
    return math.copysign(1 + math.log10(abs(value)), value)


def _axis(intervals: Sequence[Interval], unit: str, *, powers: bool) -> dict[str, Any]:
    """Marks on both sides of zero, as far as the intervals reach, in the unit."""
    reach = max((each.reach for each in intervals), default=0) or 1
    least = min((each.low for each in intervals), default=0)
    most = max((each.high for each in intervals), default=0)
    steps = _power_steps(reach) if powers else _even_steps(reach)
    marks = [value for value in (*(-step for step in steps), *steps) if least <= value <= most]
    place = _by_powers if powers else float
    return {
        "tickvals": [place(value) for value in sorted([*marks, 0.0])],
        "ticktext": [_mark(value, unit) for value in sorted([*marks, 0.0])],
    }


def _mark(value: float, unit: str) -> str:
    """``−$20K``: marks are round, so they need no decimals and no plus."""
    return said(value, unit).lstrip("+").replace(".0", "")


def _power_steps(reach: float) -> list[float]:
    top = max(1, math.floor(math.log10(reach)))
    return [10.0**power for power in range(top, 0, -math.ceil(top / _MARKS))]


def _even_steps(reach: float) -> list[float]:
    """Round distances from zero: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(reach / _MARKS))
    step = next(times * power for times in (1, 2, 5, 10) if reach // (times * power) <= _MARKS)
    return [step * n for n in range(1, int(reach / step) + 1)]
