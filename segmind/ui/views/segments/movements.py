"""Who came to a segment and who left it, and which condition made the difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import streamlit as st

from segmind.segments.movements import Cause, Movements
from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.charts.bars import ranked
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.customer_table import customer_lines
from segmind.ui.components.empty import empty_state
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.moment_picker import moment_picker
from segmind.ui.data import customers, segment_time, workspace
from segmind.ui.store import now

_STRETCHES = {
    "24 hours": timedelta(days=1),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
}
_SAMPLE = 20


def show(segment: Segment, _: Viewer) -> None:
    """Between two moments: how many, why, and who for example."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "In the last",
            list(_STRETCHES),
            default="7 days",
            required=True,
            key="seg_moves_span",
            bind="query-params",
        )
        picked = moment_picker("seg_moves", label="Up to")
    until = picked or now().replace(second=0, microsecond=0)  # so that it can be remembered
    since = until - _STRETCHES[chosen or "7 days"]
    with problems.shown("Compare the two moments"):
        with st.spinner("Comparing the two moments …", show_time=True):
            found = segment_time.movements(segment.rule, since, until)
        _figures(found)
        notice = segment_time.notice(since)
        if notice:
            st.caption(f":material/info: {notice}")
        if found.entered.is_empty() and found.left.is_empty():
            empty_state(
                "Nobody moved",
                "Everybody who was in it then is in it still. Look further back.",
                icon="sync_alt",
                key="moves",
            )
            return
        _why(segment, found)
        _who(found)


def _figures(found: Movements) -> None:
    zone = workspace.settings().zone
    span = f"{figures.instant(found.since, zone)} to {figures.instant(found.until, zone)}"
    before = found.stayed + found.left.len()
    after = found.stayed + found.entered.len()
    metric_row(
        [
            Kpi("Before", figures.count(before), help=f"Members at the beginning of {span}"),
            Kpi("Entered", figures.count(found.entered.len()), help="No members then, members now"),
            Kpi("Left", figures.count(found.left.len()), help="Members then, no members now"),
            Kpi("After", figures.count(after), help=f"Before, plus entered, less left; {span}"),
        ]
    )
    st.caption(f"{span} ({zone.key}), with the present rule and customers' present fields")


def _why(segment: Segment, found: Movements) -> None:
    left, entered = st.columns(2)
    with left:
        _causes("Why they left", "left", found.causes, segment)
    with entered:
        _causes("Why they entered", "entered", found.causes, segment)


def _causes(title: str, way: str, causes: Sequence[Cause], segment: Segment) -> None:
    turned = [c for c in causes if getattr(c, way)]
    turned.sort(key=lambda c: -getattr(c, way))
    table = pl.DataFrame(
        {
            "Condition": [c.sentence for c in turned],
            "Customers": [getattr(c, way) for c in turned],
            "Only this one turned": [getattr(c, f"alone_{way}") for c in turned],
            "By time alone": [getattr(c, f"by_time_{way}") for c in turned],
        },
        schema={
            "Condition": pl.String,
            "Customers": pl.Int64,
            "Only this one turned": pl.Int64,
            "By time alone": pl.Int64,
        },
    )
    chart_card(
        title,
        "customers",
        "The rule's top conditions whose answer turned between the two moments. Somebody for whom "
        "two turned counts in both. By time alone: it would have turned also if nothing new had "
        "happened; empty where the condition compares customers with each other.",
        ranked([_short(c.sentence) for c in turned], [getattr(c, way) for c in turned], "customers")
        if turned
        else None,
        table,
        key=f"segment_{segment.id}_{way}",
        takeaway=_takeaway(turned, way),
        empty=f"Nobody {way}.",
    )


def _takeaway(turned: Sequence[Cause], way: str) -> str:
    if not turned:
        return ""
    first = turned[0]
    n, by_time = getattr(first, way), getattr(first, f"by_time_{way}")
    holds = "no longer holds" if way == "left" else "came to hold"
    text = f"{figures.count(n)} {way} as “{first.sentence}” {holds}"
    if by_time is not None:
        text += (
            f": {figures.count(by_time)} by time alone, {figures.count(n - by_time)} by an event"
        )
    return f"{text}.".replace("$", "\\$")


def _who(found: Movements) -> None:
    for title, ids in (("Left", found.left), ("Entered", found.entered)):
        if ids.is_empty():
            continue
        with st.expander(f"{title}: {figures.plural(ids.len(), 'customer')}", key=f"seg_{title}"):
            shown = segment_time.ids_of(ids, _SAMPLE)
            customer_lines(customers.rows(tuple(shown)), key=f"seg_who_{title.lower()}")
            if ids.len() > len(shown):
                st.caption(f"The first {len(shown)} by id; the API has all.")


def _short(text: str) -> str:
    return text if len(text) <= 46 else f"{text[:45]}…"
