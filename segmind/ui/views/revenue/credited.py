"""Revenue credited to messages, by channel over time."""

from __future__ import annotations

import polars as pl

from segmind.ui import figures
from segmind.ui.charts.timeseries import stacked_bars
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data import workspace
from segmind.ui.data.revenue import Earned


def credited_card(earned: Earned, *, key: str) -> None:
    """The card of revenue by channel, with its share of all revenue in words."""
    currency = workspace.settings().currency
    channels = [name for name in earned.credited.columns if name != "bucket"]
    table = earned.credited.with_columns(
        (pl.col(name) / 10 ** figures.digits(currency)).alias(name) for name in channels
    )
    unit = figures.sign(currency)
    share = earned.now.attributed_share
    chart_card(
        "Revenue by channel",
        unit,
        f"{earned.definition} By {earned.period.grain} in {earned.period.zone.key}.",
        stacked_bars(
            table["bucket"].to_list(), {name: table[name].to_list() for name in channels}, unit
        )
        if channels
        else None,
        table,
        key=key,
        takeaway=f"{figures.money(earned.now.attributed, currency)} of "
        f"{figures.money(earned.now.net, currency)} net revenue "
        f"({figures.percent(share)}) is credited by {earned.rule.name}.".replace("$", "\\$"),
        empty="Nothing is credited to a message in this period.",
    )
