"""Messages by what they belong to: campaigns and automations, steps, variants, segments."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st

from segmind.analytics.engagement_by import Dimension
from segmind.ui import figures
from segmind.ui.components.chart_card import head
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import engagement

_BY: Final[dict[str, Dimension]] = {
    "Campaign or automation": "source",
    "Automation step": "step",
    "Variant": "variant",
    "Segment": "segment",
}
_NOTES: Final[dict[Dimension, str]] = {
    "segment": " Present members; a customer may be in several segments, so that rows overlap.",
}


def show(stretch: Stretch, channel: str | None, segment_id: int | None) -> None:
    """A table: sent, and the rates."""
    chosen = st.segmented_control(
        "Messages by",
        list(_BY),
        default="Campaign or automation",
        required=True,
        key="eng_by",
        bind="query-params",
    )
    with st.container(border=True, key="card_eng_groups"):
        by = _BY.get(chosen or "", "source")
        table = _shown(engagement.grouped(stretch.asked, channel, segment_id, by), chosen or "Name")
        head(
            "Messages by what they belong to",
            "messages",
            "Delivered and bounced are shares of sent; opened, clicked and unsubscribed of "
            f"delivered. Opens and clicks of machines are left out.{_NOTES.get(by, '')}",
            table.drop("Open"),
            key=f"eng_by_{by}",
        )
        _frame(table, f"Engagement by {(chosen or 'name').lower()}")


def _shown(found: pl.DataFrame, name: str) -> pl.DataFrame:
    delivered = pl.when(pl.col("delivered") > 0).then(pl.col("delivered"))
    sent = pl.when(pl.col("sent") > 0).then(pl.col("sent"))
    return found.select(
        pl.col("name").alias(name),
        pl.col("channel").alias("Channel"),
        pl.col("sent").alias("Sent"),
        (100 * pl.col("delivered") / sent).alias("Delivered"),
        (100 * pl.col("clicked") / delivered).alias("Clicked"),
        pl.when(pl.col("channel").is_null() | (pl.col("channel") == "E-mail"))
        .then(100 * pl.col("opened") / delivered)
        .alias("Opened*"),
        (100 * pl.col("bounced") / sent).alias("Bounced"),
        (100 * pl.col("unsubscribed") / delivered).alias("Unsubscribed"),
        pl.col("open").alias("Open"),
    )


def _frame(table: pl.DataFrame, alt: str) -> None:
    most = max([1.0, *table["Clicked"].drop_nulls().to_list()])
    rate = st.column_config.NumberColumn(format="%.2f%%")
    empty = ["Channel"] if table["Channel"].null_count() == table.height else []
    st.dataframe(
        table.drop(empty),
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
        alt=alt,
    )
