"""Two groups of things against each other: a table whose cells are coloured by their value."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure
from segmind.ui.theme import palette

_LONGEST = 22


def matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    depth: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    hovers: Sequence[Sequence[str]],
) -> go.Figure:
    """One cell for each row and column, the first row on top.

    ``depth`` (0 to 1, None: no colour) says how strongly a cell is coloured, ``texts`` what is
    written in it, ``hovers`` what is said of it under the pointer.
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
    # Written beside the cells' colour: one text colour could not be read on all of them.
    for place, row in enumerate(texts):
        for column, text in enumerate(row):
            strong = (depth[place][column] or 0) > 0.55
            fig.add_annotation(
                x=heads[column],
                y=names[place],
                text=text,
                showarrow=False,
                font={"color": colours.surface if strong else colours.text, "size": 12},
            )
    fig.update_xaxes(side="top", type="category", tickangle=0 if len(heads) < 6 else -35)
    fig.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticklabelstandoff=8, rangemode=None
    )
    return fig


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
