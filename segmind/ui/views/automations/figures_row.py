"""An automation in four figures."""

from __future__ import annotations

from segmind.automations.automation import Automation
from segmind.ui import figures
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import automations, earned, revenue, workspace


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
