"""Messages over time."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.charts.timeseries import lines, stacked_bars
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data.engagement import Engaged


def show(engaged: Engaged) -> None:
    """Sent by channel, and what became of them."""
    left, right = st.columns(2)
    with left:
        channels = [name for name in engaged.by_channel.columns if name != "bucket"]
        chart_card(
            "Sent by channel",
            "messages",
            engaged.definition,
            stacked_bars(
                engaged.by_channel["bucket"].to_list(),
                {name: engaged.by_channel[name].to_list() for name in channels},
                "messages",
            )
            if channels
            else None,
            engaged.by_channel,
            key="eng_sent",
        )
    with right:
        _reactions(engaged)


def _reactions(engaged: Engaged) -> None:
    table = engaged.course
    shown = {
        "Delivered": "delivered",
        "Opened*": "opened",
        "Clicked": "clicked",
        "Bounced": "bounced",
        "Unsubscribed": "unsubscribed",
    }
    now = engaged.now
    chart_card(
        "Reactions",
        "messages",
        engaged.definition,
        lines(
            table["bucket"].to_list(),
            {label: table[name].to_list() for label, name in shown.items()},
            "messages",
        ),
        table.select(pl.col("bucket").alias("From"), pl.exclude("bucket")),
        key="eng_reactions",
        takeaway=f"*{figures.count(now['machine_opened'])} more were opened only by machines, "
        "which mail privacy makes common: rank by clicks.",
    )
