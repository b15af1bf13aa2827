"""What experiments say of the return: incremental revenue against messages and discounts."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui.charts.frame import numbered
from segmind.ui.charts.intervals import Interval, dots, goes_by_powers
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, workspace
from segmind.ui.navigation import page

_RULE = "last_click"
_SHOWN = 20


def show(stretch: Stretch) -> None:
    """The return of what was measured, with its interval, and the way to the attributed one."""
    found = earned.returns(stretch.asked, _RULE, "source")
    cost = pl.col("message_cost") + pl.col("discount")
    known = (
        found.filter(pl.col("incremental").is_not_null(), cost > 0)
        .with_columns(
            (pl.col(name) / cost - 1).alias(f"{name}_roi")
            for name in ("incremental", "incremental_low", "incremental_high")
        )
        .sort("incremental_roi", descending=True)
    )
    shown = known.head(_SHOWN)
    bounds = shown.select("incremental_roi", "incremental_low_roi", "incremental_high_roi")
    rows = [
        Interval(name, *each)
        for name, each in zip(numbered(shown["name"]), bounds.iter_rows(), strict=True)
    ]
    powers = goes_by_powers(rows)
    chart_card(
        "Incremental return",
        "times",
        "(incremental revenue - message cost - discounts) / (message cost + discounts), with the "
        "95% interval of the incremental revenue: what each spent unit brought beyond itself that "
        "would not have come anyway. Orders count for 7 days.",
        dots(rows, "×", powers=powers) if rows else None,
        _table(known),
        key="lift_returns",
        columns={"Open": st.column_config.LinkColumn(display_text="Open")},
        takeaway="The scale goes by powers of ten: what costs next to nothing, as push does, "
        "returns many times as much as the others."
        if powers
        else "",
        empty="Nothing that was measured had a cost in this period.",
        stretch=False,
    )
    st.page_link(
        page("revenue"),
        label="Return by channel and month",
        icon=":material/payments:",
        query_params={"rev_tab": "Return"},
    )


def _table(known: pl.DataFrame) -> pl.DataFrame:
    currency = workspace.settings().currency
    return known.select(
        pl.col("name").alias("Campaign or automation"),
        pl.col("message_cost").alias(f"Message cost, {currency}"),
        pl.col("discount").alias(f"Discounts, {currency}"),
        pl.col("attributed").alias(f"Attributed, {currency}"),
        pl.col("incremental").alias(f"Incremental, {currency}"),
        pl.col("roi").alias("Attributed return"),
        pl.col("incremental_roi").alias("Incremental return"),
        pl.col("incremental_low_roi").alias("At least"),
        pl.col("incremental_high_roi").alias("At most"),
        pl.col("open").alias("Open"),
    )
