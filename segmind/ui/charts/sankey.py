"""Flows between groups at two moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from segmind.ui.charts.frame import figure
from segmind.ui.theme import palette

#: Pixels between two groups: names of 12 pixels beside the smallest ones do not lie on each other.
_PAD: Final = 16
_TOP, _BOTTOM = 30, 8


def sankey(
    names: Sequence[str], counts: Sequence[Sequence[int]], before: str, after: str, unit: str
) -> go.Figure:
    """One band for each pair of groups that somebody is in: row then, column now.

    The groups keep their order on both sides; who stayed is grey, who moved is coloured.
    """
    colours = palette()
    rows = [n for n, row in enumerate(counts) if any(row)]
    columns = [n for n in range(len(names)) if any(row[n] for row in counts)]
    left = {n: place for place, n in enumerate(rows)}
    right = {n: len(rows) + place for place, n in enumerate(columns)}
    flows = [(i, j, counts[i][j]) for i in rows for j in columns if counts[i][j]]
    most = max(len(rows), len(columns), 1)
    height = max(260, 46 * most)
    room = height - _TOP - _BOTTOM
    bands = 1 - _PAD * (most - 1) / room
    fig = figure(height=height, legend=False)
    fig.add_sankey(
        arrangement="fixed",
        node={
            "label": [names[n] for n in (*rows, *columns)],
            "x": [0.001] * len(rows) + [0.999] * len(columns),
            "y": [
                *_places([sum(counts[n]) for n in rows], bands, _PAD / room),
                *_places([sum(row[n] for row in counts) for n in columns], bands, _PAD / room),
            ],
            "color": colours.accent,
            "pad": _PAD,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": f"%{{label}}: %{{value:,}} {unit}<extra></extra>",
        },
        link={
            "source": [left[i] for i, _, _ in flows],
            "target": [right[j] for _, j, _ in flows],
            "value": [n for _, _, n in flows],
            "color": [_thin(colours.holdout if i == j else colours.accent) for i, j, _ in flows],
            "customdata": [[names[i], names[j]] for i, j, _ in flows],
            "hovertemplate": f"%{{customdata[0]}} → %{{customdata[1]}}: %{{value:,}} {unit}"
            "<extra></extra>",
        },
        textfont={"color": colours.text, "size": 12},
    )
    for x, anchor, text in ((0, "left", before), (1, "right", after)):
        fig.add_annotation(
            x=x, y=1.0, xref="paper", yref="paper", yanchor="bottom", xanchor=anchor,
            text=text, showarrow=False,
        )  # fmt: skip
    fig.update_layout(margin={"l": 4, "r": 4, "t": _TOP, "b": _BOTTOM}, hovermode="closest")
    return fig


def _thin(colour: str) -> str:
    """A hexadecimal colour through which others can be seen."""
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.32)"


def _places(sizes: Sequence[int], bands: float, gap: float) -> list[float]:
    """The middle of each group from top (0) to bottom (1): as tall as its share of ``bands``, with
    a ``gap`` before the next."""
    whole, at, found = sum(sizes) or 1, 0.0, []
    for size in sizes:
        tall = size / whole * bands
        found.append(min(0.999, max(0.001, at + tall / 2)))
        at += tall + gap
    return found
