"""From which segment to which: a matrix of two moments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import streamlit as st

from segmind.events.spans import start_of
from segmind.segments import rfm
from segmind.segments.migration import Migration
from segmind.ui import figures, problems
from segmind.ui.charts.matrix import brief, matrix
from segmind.ui.charts.sankey import sankey
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import segment_time, segments, workspace
from segmind.ui.store import now
from segmind.ui.views.moves.choice import chosen_segments

_NONE: Final = "In none"
_SEGMENTS: Final = "Segments"
_RFM: Final = "RFM groups"


def show() -> None:
    """The choice, the key figures, the matrix."""
    between = st.segmented_control(
        "Between",
        [_SEGMENTS, _RFM],
        default=_SEGMENTS,
        required=True,
        key="mvs_between",
        bind="query-params",
    )
    ids = []
    if between != _RFM:
        ids = chosen_segments(
            "mvs_segments",
            "The order is the priority: a customer in several counts in the first of them.",
        )
    since, until = _dates()
    if not ids and between != _RFM:
        st.caption("Choose at least one segment.")
        return
    if since >= until:
        st.warning("The first day must come before the last.", icon=":material/event:")
        return
    with problems.shown("Compare the two moments"):
        if between == _RFM:
            found: Migration[Any]
            found, known_at = segment_time.rfm_migration(since, until)
            names = [group.name for group in rfm.GROUPS]
        else:
            found, known_at = segment_time.migration(ids, since, until)
            known = segments.names()
            names = [known.get(n, f"Segment {n}") for n in found.keys]
        _figures(found)
        seen = figures.clock_time(known_at, workspace.settings().zone)
        st.caption(f"By the rules, the events and the fields of customers as of {seen}.")
        notice = segment_time.notice(since)
        if notice:
            st.caption(f":material/info: {notice}")
        _flows(found, [*names, _NONE])
        _card(found, [*names, _NONE])


def _dates() -> tuple[datetime, datetime]:
    """Two moments: the beginnings of two days of the workspace."""
    zone = workspace.settings().zone
    today = now().astimezone(zone).date()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.date_input(
            "From the beginning of",
            today - timedelta(days=30),
            max_value=today,
            key="mvs_since",
            required=True,
            width=200,
        )
        last = st.date_input(
            "To the beginning of",
            today,
            max_value=today,
            key="mvs_until",
            required=True,
            width=200,
        )
    return start_of(first, zone), start_of(last, zone)


def _figures(found: Migration[Any]) -> None:
    metric_row(
        [
            Kpi("Changed", figures.count(found.moved), help="From one of the groups to another"),
            Kpi("Stayed", figures.count(found.stayed), help="In the same one at both moments"),
            Kpi("Came", figures.count(found.came), help="In none then, in one now"),
            Kpi("Left", figures.count(found.left), help="In one then, in none now"),
        ]
    )


def _flows(found: Migration[Any], names: list[str]) -> None:
    """The same as the matrix, as bands; those who were in none and are in none are left out."""
    counts = [list(row) for row in found.counts]
    counts[-1][-1] = 0
    zone = workspace.settings().zone
    rows = [
        {"From": names[i], "To": names[j], "Customers": n}
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if n
    ]
    chart_card(
        "Flows between segments",
        "customers",
        "Each customer is in one band: from the segment they were in to the one they are in, as in "
        "the table below. Grey: stayed. Whoever was and is in none is left out.",
        sankey(
            _unique(names),
            counts,
            figures.instant(found.since, zone),
            figures.instant(found.until, zone),
            "customers",
        )
        if rows
        else None,
        pl.DataFrame(rows, schema={"From": pl.String, "To": pl.String, "Customers": pl.Int64}),
        key="flows",
        empty="Nobody was or is in one of them.",
    )


def _card(found: Migration[Any], names: list[str]) -> None:
    zone = workspace.settings().zone
    before = found.before
    texts = [[brief(n, len(names)) for n in row] for row in found.counts]
    hovers = [
        [
            f"{figures.plural(n, 'customer')} from {a} to {b}: {figures.share(n, before[i])} of {a}"
            for b, n in zip(names, row, strict=True)
        ]
        for i, (a, row) in enumerate(zip(names, found.counts, strict=True))
    ]
    depth = [[n / size if size else None for n in row] for row, size in _sized(found)]
    table = pl.DataFrame(
        {
            "From": names,
            **{f"To {b}": [row[j] for row in found.counts] for j, b in enumerate(_unique(names))},
            "All": list(before),
        }
    )
    total = {
        name: [value]
        for name, value in zip(table.columns[1:], [*found.after, found.customers], strict=True)
    }
    table = pl.concat([table, pl.DataFrame({"From": ["All"], **total})])
    chart_card(
        "From segment to segment",
        "customers",
        "Each customer is in one cell: in the row of the segment they were in, in the column of "
        "the one they are in. In several, the first chosen counts. Rows add up to the sizes "
        "before, columns to those after. Both moments are asked of the log with the present rules "
        "and customers' present fields.",
        matrix(names, names, depth, texts, hovers),
        table,
        key="moves",
        takeaway=f"{figures.instant(found.since, zone)} to {figures.instant(found.until, zone)}: "
        f"{figures.count(found.moved)} of {figures.plural(found.customers, 'customer')} changed "
        f"from one of these groups to another. Colour: share of the row.",
    )


def _sized(found: Migration[Any]) -> list[tuple[tuple[int, ...], int]]:
    return list(zip(found.counts, found.before, strict=True))


def _unique(names: list[str]) -> list[str]:
    """Column names, equal ones told apart."""
    return [
        f"{name} ({names[: n + 1].count(name)})" if names[:n].count(name) else name
        for n, name in enumerate(names)
    ]
