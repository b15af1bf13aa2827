"""Campaigns and automations beside each other."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.components.chart_card import head
from segmind.ui.data.engagement import Engaged


def show(engaged: Engaged) -> None:
    """A table: sent, and the rates."""
    delivered = pl.when(pl.col("delivered") > 0).then(pl.col("delivered"))
    table = engaged.sources.select(
        pl.col("name").alias("Campaign or automation"),
        pl.col("channel").alias("Channel"),
        pl.col("sent").alias("Sent"),
        (100 * pl.col("delivered") / pl.col("sent")).alias("Delivered"),
        (100 * pl.col("clicked") / delivered).alias("Clicked"),
        pl.when(pl.col("channel") == "E-mail")
        .then(100 * pl.col("opened") / delivered)
        .alias("Opened*"),
        (100 * pl.col("bounced") / pl.col("sent")).alias("Bounced"),
        (100 * pl.col("unsubscribed") / delivered).alias("Unsubscribed"),
        pl.when(pl.col("kind").is_in(["campaign", "automation"]))
        .then("/" + pl.col("kind") + "?id=" + pl.col("source_id").cast(pl.String))
        .alias("Open"),
    )
    most = max([1.0, *table["Clicked"].drop_nulls().to_list()])
    rate = st.column_config.NumberColumn(format="%.2f%%")
    with st.container(border=True, key="card_eng_sources"):
        head(
            "By campaign and automation",
            "messages",
            "Delivered and bounced are shares of sent; opened, clicked and unsubscribed of "
            "delivered. Opens and clicks of machines are left out.",
            table.drop("Open"),
            key="eng_sources",
        )
        st.dataframe(
            table,
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Clicked": st.column_config.ProgressColumn(
                    format="%.1f%%", min_value=0, max_value=most
                ),
                "Sent": st.column_config.NumberColumn(format="localized"),
                "Delivered": rate,
                "Opened*": rate,
                "Bounced": rate,
                "Unsubscribed": rate,
                "Open": st.column_config.LinkColumn(display_text="Open"),
            },
            alt="Engagement by campaign and automation",
        )
