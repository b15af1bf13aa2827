"""Two groups of things against each other: a table whose cells are coloured by their value."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from segmind.ui import figures
from segmind.ui.charts.frame import figure
from segmind.ui.theme import palette

_LONGEST = 22
#: Heads up to this long lie level however many there are.
_SHORT = 4
#: Names of rows longer than this take two lines where they can: a phone's cells need the room.
_ONE_LINE = 9
#: Columns up to which a cell has room for four digits and a comma.
_WIDE = 5
#: Of more heads than this every third is written.
_MANY = 16


def matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    depth: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    hovers: Sequence[Sequence[str]],
) -> go.Figure:
    """One cell for each row and column, the first row on top.

    ``depth`` (0 to 1, None: no colour) says how strongly a cell is coloured, ``texts`` what is
    written in it, ``hovers`` what is said of it under the pointer. Names that are numbers would be
    taken for places on the axis: give them a letter.
    """
    colours = palette()
    fig = figure(height=110 + 40 * max(2, len(rows)), legend=False, hover="closest")
    names, heads = _told_apart(rows), _told_apart(columns)
    fig.add_heatmap(
        x=heads,
        y=names,
        z=[list(row) for row in depth],
        zmin=0,
        zmax=1,
        text=[list(row) for row in hovers],
        colorscale=[[0, colours.accent_soft], [1, colours.accent]],
        showscale=False,
        hoverongaps=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{text}<extra></extra>",
    )
    # As annotations: the text in a heatmap has one colour, which cannot be read on all cells.
    # All at once: each that is added alone costs as much as all before it.
    written = [
        {
            "x": heads[column],
            "y": names[place],
            "text": text,
            "showarrow": False,
            "font": {"color": _readable_on(_ground(depth[place][column])), "size": 12},
        }
        for place, row in enumerate(texts)
        for column, text in enumerate(row)
        if text
    ]
    fig.update_layout(annotations=written)
    if len(heads) > _MANY:  # not all of them fit on a phone
        fig.update_xaxes(tickvals=heads[::3])
    is_level = len(heads) < 6 or max(map(len, heads), default=0) <= _SHORT
    fig.update_xaxes(side="top", type="category", tickangle=0 if is_level else -35)
    fig.update_yaxes(
        autorange="reversed",
        type="category",
        showgrid=False,
        ticklabelstandoff=8,
        rangemode=None,
        tickvals=names,
        ticktext=[_in_two_lines(name) for name in names],
    )
    return fig


def brief(n: int, columns: int) -> str:
    """A count that fits a cell, of so many columns also on a phone: exact below ten thousand, of
    more than five below one thousand; then ``12.3K``."""
    exact = 10_000 if columns <= _WIDE else 1_000
    return figures.count(n) if n < exact else figures.short(n)


def _ground(depth: float | None) -> str:
    """The colour behind a cell's text."""
    colours = palette()
    if depth is None:
        return colours.surface
    ends = zip(_channels(colours.accent_soft), _channels(colours.accent), strict=True)
    return "#" + "".join(f"{round(low + depth * (high - low)):02x}" for low, high in ends)


def _readable_on(ground: str) -> str:
    """The theme's text or surface colour, whichever stands out more."""
    colours = palette()
    return max((colours.text, colours.surface), key=lambda ink: _contrast(ink, ground))


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 (relative luminance of sRGB)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _in_two_lines(name: str) -> str:
    """Parted at the space nearest to its middle."""
    spaces = [place for place, letter in enumerate(name) if letter == " "]
    if len(name) <= _ONE_LINE or not spaces:
        return name
    place = min(spaces, key=lambda each: abs(each - len(name) / 2))
    return f"{name[:place]}<br>{name[place + 1 :]}"


def _told_apart(names: Sequence[str]) -> list[str]:
    """Short names, each different from the others: equal ones would share a row."""
    found: list[str] = []
    for name in names:
        short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        n = 2
        label = short
        while label in found:
            label, n = f"{short} ({n})", n + 1
        found.append(label)
    return found
