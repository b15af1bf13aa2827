"""At which hour groups of customers react."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from segmind.analytics.send_hours import HOURS, LEAST_ACTS, Acts, SendHours
from segmind.ui import figures, problems
from segmind.ui.charts.matrix import matrix
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.period_picker import Stretch, period_picker
from segmind.ui.data import insights, workspace
from segmind.ui.navigation import page

_ACTS: Final[dict[str, Acts | None]] = {
    "What is known": None,
    "Opens and clicks": "reactions",
    "Orders": "orders",
}
_SAID: Final = {"reactions": "opens and clicks by people", "orders": "orders"}


def show(controls: DeltaGenerator) -> None:
    """The choice and the table of hours by group."""
    with controls:
        by = st.segmented_control(
            "Groups",
            [insights.BY_RFM, insights.BY_SEGMENT],
            default=insights.BY_RFM,
            required=True,
            key="ins_groups",
            bind="query-params",
            label_visibility="collapsed",
        )
        chosen = st.segmented_control(
            "Told by",
            list(_ACTS),
            default="What is known",
            required=True,
            key="ins_acts",
            bind="query-params",
            label_visibility="collapsed",
            help="What is known: opens and clicks, or orders where there are few of those",
        )
        stretch = period_picker("ins_range", default="90d", dates=True)
    with problems.shown("Count by hour"):
        acts = _ACTS.get(chosen or "What is known")
        _card(insights.hours(stretch.asked, by or insights.BY_RFM, acts), stretch)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                page("campaigns"), label="Plan a campaign for an hour", icon=":material/schedule:"
            )
            st.page_link(
                page("engagement"), label="Open the engagement report", icon=":material/monitoring:"
            )


def _card(found: SendHours, stretch: Stretch) -> None:
    zone = workspace.settings().zone
    names = list(found.best)
    counts = {(g, h): (n, s) for g, h, n, s in found.hours.iter_rows()}
    most = {g: max(counts[g, h][0] for h in range(HOURS)) for g in names}
    shown = [g for g in names if most[g]]
    hours = range(HOURS)
    said = _SAID[found.acts]
    best = found.best.get(insights.EVERYBODY)
    chart_card(
        "Best hour by group",
        said,
        found.definition().what,
        matrix(
            shown,
            [f"{h}h" for h in hours],
            [[counts[g, h][0] / most[g] for h in hours] for g in shown],
            [["★" if found.best[g] == h else "" for h in hours] for g in shown],
            [
                [
                    f"{g}, {h:02d}:00 to {h + 1:02d}:00: {figures.count(counts[g, h][0])} "
                    f"({figures.percent(counts[g, h][1])} of theirs)"
                    for h in hours
                ]
                for g in shown
            ],
        )
        if shown
        else None,
        _table(found),
        key="ins_hours",
        takeaway=f"{said.capitalize()} in the {stretch.label}, hours of {zone.key}. Colour: share "
        f"of the group's busiest hour. ★ its best hour, of groups with at least {LEAST_ACTS}"
        + ("." if best is None else f"; everybody's is {best:02d}:00."),
        empty=f"Nobody did any of this ({said}) in the period. Choose a longer one.",
    )


def _table(found: SendHours) -> pl.DataFrame:
    told = found.hours.filter(pl.col("acts").sum().over("group") > 0)
    best = pl.DataFrame(
        {"group": list(found.best), "best": list(found.best.values())},
        schema={"group": pl.String, "best": pl.Int64},
    )
    return told.join(best, on="group", maintain_order="left").select(
        pl.col("group").alias("Group"),
        pl.col("hour").alias("Hour"),
        pl.col("acts").alias("Count"),
        (pl.col("share") * 100).round(2).alias("Share in %"),
        (pl.col("hour") == pl.col("best")).fill_null(value=False).alias("Best"),
    )
