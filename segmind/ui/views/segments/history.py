"""How the size of a segment went."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.charts.timeseries import size_history
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.empty import empty_state
from segmind.ui.data import segments, workspace


def show(segment: Segment, _: Viewer) -> None:
    """The size over the last 90 days, and who came and went."""
    past = segments.history(segment.id)
    zone = workspace.settings().zone
    if not past:
        empty_state(
            "No history yet",
            "The scheduler counts every segment every few minutes; the first count will show here.",
            icon="timeline",
            key="history",
        )
        return
    table = pl.DataFrame(
        {
            "As of": [each.as_of for each in past],
            "Customers": [each.size for each in past],
            "Entered": [each.entered for each in past],
            "Left": [each.left for each in past],
        }
    )
    came, went = sum(each.entered for each in past), sum(each.left for each in past)
    chart_card(
        "Size",
        "customers",
        "Counted by the scheduler; entered and left since the count before. A changed rule begins "
        "anew.",
        size_history(table["As of"].to_list(), table["Customers"].to_list()),
        table,
        key=f"segment_{segment.id}_history",
        takeaway=f"{figures.plural(came, 'customer')} entered and {figures.count(went)} left since "
        f"{figures.instant(past[0].as_of, zone)}.",
    )
    st.caption(f"Last counted {figures.instant(past[-1].as_of, zone)}")
