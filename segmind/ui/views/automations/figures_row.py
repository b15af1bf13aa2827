"""An automation in four figures."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.ui import figures, problems
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import automations, earned, revenue, workspace


@st.fragment(run_every="10s")
@problems.guarded
def show(automation: Automation) -> None:
    """Entered, waiting, reached the goal, earned."""
    totals = automations.totals(automation.id)
    credit = revenue.of_source("automation", automation.id)
    settings = workspace.settings()
    metric_row(
        [
            Kpi("Entered", figures.count(totals.entered), help="Runs, one for each cart"),
            Kpi("Waiting now", figures.count(totals.waiting), help="Between two steps"),
            Kpi(
                "Reached the goal",
                figures.share(totals.converted, totals.entered),
                help=f"{figures.count(totals.converted)} of {figures.count(totals.entered)} runs "
                "ended because the goal was reached, with or without a message",
            ),
            Kpi(
                "Revenue",
                figures.money(credit.revenue, settings.currency),
                help=f"{figures.plural(credit.orders, 'order')} credited to the last click within "
                f"{earned.click_window()}; "
                f"{figures.plural(totals.messages, 'message')} so far",
            ),
        ]
    )
