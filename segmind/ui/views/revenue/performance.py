"""What the members of each segment did."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.components.chart_card import head
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import revenue, workspace


def show(stretch: Stretch) -> None:
    """A table: size, conversion, revenue by customer."""
    currency = workspace.settings().currency
    unit = 10 ** figures.digits(currency)
    found = revenue.performance(stretch.asked).sort("net_revenue", descending=True)
    table = found.select(
        pl.col("name").alias("Segment"),
        pl.col("size").alias("Customers"),
        pl.col("buyers").alias("Bought"),
        (pl.col("conversion_rate") * 100).alias("Conversion"),
        pl.col("orders").alias("Orders"),
        (pl.col("net_revenue") / unit).alias("Net revenue"),
        (pl.col("revenue_per_customer") / unit).alias("By customer"),
        ("/segment?id=" + pl.col("segment_id").cast(pl.String)).alias("Open"),
    )
    with st.container(border=True, key="card_rev_performance"):
        head(
            "Segment performance",
            currency,
            "Members as of the last count; what they did in the period counts, also from before "
            "they entered. Conversion: members with an order / members. One person can be in "
            "several segments, so the rows do not add up to the shop.",
            table.drop("Open"),
            key="rev_performance",
        )
        if table.is_empty():
            st.caption("The scheduler has not counted any segment yet.")
            return
        money = st.column_config.NumberColumn(format=figures.column_format(currency))
        count = st.column_config.NumberColumn(format="localized")
        st.dataframe(
            table,
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Conversion": st.column_config.ProgressColumn(
                    format="%.1f%%", min_value=0, max_value=100
                ),
                "Customers": count,
                "Bought": count,
                "Orders": count,
                "Net revenue": money,
                "By customer": money,
                "Open": st.column_config.LinkColumn(display_text="Segment"),
            },
            alt="Segment performance",
        )
