"""What an automation caused: whom its split led on, beside whom it held out."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.empty import empty_state
from segmind.ui.components.lift_card import lift_card
from segmind.ui.data import lift, workspace
from segmind.ui.navigation import page

WINDOWS = (1, 3, 7, 14, 30)


@problems.guarded
def show(automation: Automation, viewer: Viewer) -> None:
    """The lift of those who came in the last days, or how to have one measured."""
    del viewer
    days = st.segmented_control(
        "A customer's orders count for",
        WINDOWS,
        default=7,
        required=True,
        key="aut_lift_days",
        format_func=lambda n: f"{n} day" if n == 1 else f"{n} days",
        bind="query-params",
    )
    found = lift.of_automation(automation.id, days or 7)
    if found is None:
        empty_state(
            "Nobody is held out",
            "Put a split with a holdout before the first message (Steps): chance keeps a few "
            "percent from it, always the same customers, and the difference is what this "
            "automation causes.",
            icon="science",
            key="aut_lift",
        )
        return
    lift_card(found, key="aut_lift")
    zone = workspace.settings().zone
    st.caption(
        f"Customers who came to the split in the last {lift.LOOKED_BACK} days and whose days are "
        f"over, as of {figures.instant(found.definition.as_of, zone)}. Who is in the global "
        "holdout counts in both groups alike."
    )
    st.page_link(page("lift"), label="Lift of everything", icon=":material/science:")
