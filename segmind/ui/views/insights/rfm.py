"""The RFM groups: how many, what they are worth, and onward to a segment of each."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from segmind.analytics.rfm_groups import RfmGroups
from segmind.segments import rfm as groups
from segmind.ui import figures
from segmind.ui.charts.matrix import brief, matrix
from segmind.ui.components.chart_card import chart_card, head
from segmind.ui.components.make_segment import make_segment
from segmind.ui.data import earned, insights, workspace
from segmind.ui.navigation import page
from segmind.ui.views.insights.among import among_picker

_SCORES: Final = range(1, groups.FIFTHS + 1)


def show(controls: DeltaGenerator) -> None:
    """The groups as a table, the grid of scores, and what to do with them."""
    with controls:
        segment_id = among_picker("ins_among")
    found = insights.rfm_table(segment_id)
    zone = workspace.settings().zone
    st.caption(
        f"{figures.plural(found.customers, 'customer')} with orders in the last "
        f"{found.window_days} days, as of {figures.instant(found.as_of, zone)} ({zone.key}), "
        "beside 30 days before"
    )
    if not found.customers:
        st.info(
            f"Nobody ordered in the last {found.window_days} days, so there is nobody to group.",
            icon=":material/info:",
        )
        return
    _groups(found)
    left, right = st.columns([3, 2])
    with left:
        _grid(found)
    with right:
        _onward()


def _groups(found: RfmGroups) -> None:
    currency = workspace.settings().currency
    unit = 10 ** figures.digits(currency)
    no_sum = earned.no_sum(found.window_days + 1)
    revenue = pl.lit(None, dtype=pl.Float64) if no_sum else pl.col("net_revenue") / unit
    table = found.groups.select(
        pl.col("name").alias("Group"),
        pl.col("customers").alias("Customers"),
        (pl.col("share") * 100).alias("Share"),
        (pl.col("customers") - pl.col("before")).alias("Change"),
        revenue.alias("Net revenue"),
        pl.col("days_since").round(0).alias("Days since order"),
    )
    meanings = {group.name: group.meaning for group in groups.GROUPS}
    with st.container(border=True, key="card_ins_rfm"):
        head("Customers by RFM group", "customers", found.definition().what, table, key="ins_rfm")
        st.dataframe(
            table.with_columns(
                pl.col("Group").replace_strict(meanings, return_dtype=pl.String).alias("Meaning")
            ),
            hide_index=True,
            height="content",
            placeholder=figures.DASH,
            column_config={
                "Share": st.column_config.ProgressColumn(
                    format="%.1f%%", min_value=0, max_value=100
                ),
                "Customers": st.column_config.NumberColumn(format="localized"),
                "Change": st.column_config.NumberColumn(
                    format="%+d", help="Customers more or fewer than 30 days before"
                ),
                "Net revenue": st.column_config.NumberColumn(
                    format=figures.column_format(currency)
                ),
                "Days since order": st.column_config.NumberColumn(
                    format="localized", help="Median days since the last order"
                ),
            },
            alt="Customers by RFM group",
        )
        if no_sum:
            st.caption(f":material/currency_exchange: {no_sum}")


def _grid(found: RfmGroups) -> None:
    cells = {(r, f): (key, n) for r, f, key, n in found.cells.iter_rows()}
    most = max(n for _, n in cells.values()) or 1
    rows = sorted(_SCORES, reverse=True)
    chart_card(
        "Recency by frequency",
        "customers",
        "Scores 1 to 5 among all customers with orders; 5 is the latest, or the most frequent. "
        f"{found.definition().tie_break.capitalize()}, so cells are not of equal size.",
        matrix(
            [f"R {r}" for r in rows],
            [f"F {f}" for f in _SCORES],
            [[cells[r, f][1] / most for f in _SCORES] for r in rows],
            [[brief(cells[r, f][1], len(_SCORES)) for f in _SCORES] for r in rows],
            [
                [
                    f"{groups.BY_KEY[cells[r, f][0]].name}: "
                    f"{figures.plural(cells[r, f][1], 'customer')}"
                    for f in _SCORES
                ]
                for r in rows
            ],
        ),
        found.cells.select(
            pl.col("recency").alias("Recency"),
            pl.col("frequency").alias("Frequency"),
            pl.col("group").alias("Group"),
            pl.col("customers").alias("Customers"),
        ),
        key="ins_rfm_grid",
        stretch=False,
    )


def _onward() -> None:
    with st.container(border=True, height="stretch", key="card_ins_onward"):
        st.subheader("Talk to them", anchor=False)
        chosen = st.multiselect(
            "Groups",
            [group.key for group in groups.GROUPS],
            default=["cannot_lose", "at_risk"],
            format_func=lambda key: groups.BY_KEY[key].name,
            key="ins_rfm_groups",
        )
        if chosen:
            names = ", ".join(groups.BY_KEY[key].name for key in chosen)
            window = {"type": "last", "amount": 365, "unit": "days"}
            rule = {"type": "rfm", "groups": chosen, "window": window}
            make_segment(rule, names, key="ins_rfm")
        st.page_link(
            page("moves"),
            label="How customers move between groups",
            icon=":material/sync_alt:",
            query_params={"mvs_between": "RFM groups"},
        )
