"""What segments have in common."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.segments.overlap import Overlap
from segmind.ui import figures, problems
from segmind.ui.charts.matrix import brief, matrix
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.moment_picker import moment_picker
from segmind.ui.data import segment_time, segments, workspace
from segmind.ui.views.moves.choice import chosen_segments


def show() -> None:
    """The choice, and the matrix of what every two have in common."""
    ids = chosen_segments("ovl_segments", "Every two of them are compared.")
    as_of = moment_picker("ovl")
    if not ids:
        st.caption("Choose at least one segment.")
        return
    with problems.shown("Compare the segments"):
        found = segment_time.overlap(ids, as_of)
        notice = segment_time.notice(as_of) if as_of else ""
        if notice:
            st.caption(f":material/info: {notice}")
        when = figures.instant(as_of, workspace.settings().zone) if as_of else "now"
        _card(found, when)


def _card(found: Overlap, when: str) -> None:
    known = segments.names()
    names = [known.get(n, f"Segment {n}") for n in found.segment_ids]
    places = range(len(names))
    shares = [[found.share(i, j) for j in places] for i in places]
    counts = [[brief(n, len(names)) for n in row] for row in found.counts]
    texts = [
        [
            counts[i][j] if i == j else f"{counts[i][j]}<br>{figures.percent(shares[i][j], 0)}"
            for j in places
        ]
        for i in places
    ]
    hovers = [
        [
            f"{names[i]}: {figures.plural(found.counts[i][i], 'customer')}"
            if i == j
            else f"{figures.plural(found.counts[i][j], 'customer')} in both: "
            f"{figures.percent(shares[i][j])} of {names[i]}"
            for j in places
        ]
        for i in places
    ]
    pairs = [(i, j) for i in places for j in places if i != j]
    table = pl.DataFrame(
        {
            "Segment": [names[i] for i, _ in pairs],
            "Also in": [names[j] for _, j in pairs],
            "Customers in both": [found.counts[i][j] for i, j in pairs],
            "Share of segment (%)": [
                None if shares[i][j] is None else round(100 * (shares[i][j] or 0), 1)
                for i, j in pairs
            ],
            "Size of segment": [found.counts[i][i] for i, _ in pairs],
            "In this one only": [found.only[i] for i, _ in pairs],
        },
        schema_overrides={"Share of segment (%)": pl.Float64},
    )
    chart_card(
        "Overlap of segments",
        "customers",
        "In a row: how many of that segment's customers are in the other one too, and which share "
        "of the row's segment that is. On the diagonal: the segment's size.",
        matrix(
            names,
            names,
            [[s if i != j else None for j, s in enumerate(row)] for i, row in enumerate(shares)],
            texts,
            hovers,
        ),
        table,
        key="overlap",
        takeaway=_takeaway(found, names, when),
        empty="One segment overlaps with nothing: choose another one.",
    )


def _takeaway(found: Overlap, names: list[str], when: str) -> str:
    text = f"As of {when}: {figures.plural(found.anybody, 'customer')} in at least one."
    shares = [
        (found.share(i, j) or 0.0, names[i], names[j])
        for i in range(len(names))
        for j in range(len(names))
        if i != j
    ]
    if shares and max(shares)[0] > 0:
        share, one, other = max(shares)
        text += f" Closest: {figures.percent(share, 0)} of “{one}” are in “{other}” too."
    return text
