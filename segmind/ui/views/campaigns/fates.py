"""From the segment to the last message delivered, adding up."""

from __future__ import annotations

import polars as pl

from segmind.campaigns.report import Report
from segmind.ui import figures
from segmind.ui.charts.waterfall import waterfall
from segmind.ui.components.chart_card import chart_card


def show(found: Report) -> None:
    """The waterfall before and after the launch as one: each person is counted once, at the first
    thing that stopped them."""
    steps = found.fates
    first, last = steps[0], steps[-1]
    table = pl.DataFrame(
        {
            "Step": [step.label for step in steps],
            "When": [step.stage for step in steps],
            "Removed": [step.removed for step in steps],
            "Remaining": [step.remaining for step in steps],
        }
    )
    chart_card(
        "From segment to delivered",
        "customers",
        "Everybody in the segment, less who was left out before the launch, who was not sent to at "
        "the last look, what is still under way, and what was not delivered. Each person is "
        "counted at the first of these that applies, so the steps add up to the last person.",
        waterfall(
            (first.label, first.remaining),
            [(step.label, step.removed) for step in steps[1:-1]],
            (last.label, last.remaining),
        ),
        table,
        key="cmp_fates",
        takeaway=f"{figures.count(last.remaining)} of {figures.count(first.remaining)} were "
        "reached for certain.",
        stretch=False,
    )
