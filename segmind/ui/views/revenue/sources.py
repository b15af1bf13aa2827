"""What each campaign and automation earned."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.charts.bars import ranked
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data import workspace
from segmind.ui.data.revenue import Earned
from segmind.ui.theme import palette


def show(earned: Earned) -> None:
    """Channels on the left, campaigns and automations on the right."""
    left, right = st.columns(2)
    with left:
        _card(
            earned,
            earned.channels.select(pl.col("channel").alias("name"), "channel", "orders", "revenue"),
            "By channel",
            "rev_channels",
        )
    with right:
        _card(
            earned,
            earned.sources.select("name", "channel", "orders", "revenue"),
            "By campaign and automation",
            "rev_sources",
        )


def _card(earned: Earned, table: pl.DataFrame, title: str, key: str) -> None:
    currency = workspace.settings().currency
    unit = figures.sign(currency)
    amounts = table.with_columns(pl.col("revenue") / 10 ** figures.digits(currency))
    top = amounts.head(8)
    colours = [palette().channel(_channel_key(name)) for name in top["channel"]]
    chart_card(
        title,
        unit,
        earned.definition,
        ranked(_unique(top["name"].to_list()), top["revenue"].to_list(), unit, colours=colours)
        if top.height
        else None,
        amounts.rename(
            {
                "name": "Name",
                "channel": "Channel",
                "orders": "Orders",
                "revenue": f"Revenue, {currency}",
            }
        ),
        key=key,
        takeaway=_takeaway(earned, table),
        empty="Nothing is credited to a message in this period.",
    )


def _takeaway(earned: Earned, table: pl.DataFrame) -> str:
    if table.is_empty() or not earned.now.attributed:
        return ""
    first = table.row(0, named=True)
    share = figures.share(first["revenue"], earned.now.attributed, 0)
    return f"{first['name']} brought {share} of it."


def _channel_key(label: str) -> str:
    return label.lower().replace("-", "")


def _unique(names: list[str]) -> list[str]:
    """Names that a category axis keeps apart."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        short = name if len(name) <= 34 else f"{name[:33]}…"
        made.append(short if seen[name] == 1 else f"{short} ({seen[name]})")
    return made
