"""Net revenue over time."""

from __future__ import annotations

import polars as pl

from segmind.ui import figures
from segmind.ui.charts.timeseries import lines
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data import workspace
from segmind.ui.data.revenue import Earned


def show(earned: Earned) -> None:
    """The card of all revenue."""
    currency = workspace.settings().currency
    unit = figures.sign(currency)
    table = earned.course.with_columns(pl.col("net") / 10 ** figures.digits(currency))
    chart_card(
        "Net revenue",
        unit,
        "Order lines less refunds, each in the period in which it happened, whatever led to it.",
        lines(table["bucket"].to_list(), {"Revenue": table["net"].to_list()}, unit, fill=True),
        table.rename({"bucket": "From", "net": f"Net revenue, {currency}", "orders": "Orders"}),
        key="rev_course",
    )
