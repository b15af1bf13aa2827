"""Lift side by side: every campaign and automation that holds somebody out."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.charts.frame import numbered
from segmind.ui.charts.intervals import Interval, dots
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.empty import empty_state
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import lift, workspace
from segmind.ui.navigation import page

_SHOWN = 20
#: A p-value below it counts as an effect.
_CHANCE = 0.05
_DEFINITION = (
    "Net revenue per customer who was to be written to, less that per customer held out, times the "
    "former, with its 95% interval: of campaigns launched in this period, and of automations by "
    "who came to their split in it. Each interval holds for itself: of twenty things without any "
    "effect about one looks as if it had one. The sentence below is about all of them together "
    "(Holm)."
)


def show(stretch: Stretch, days: int) -> None:
    """Dots with intervals, the table with all figures, and what could not be measured in words."""
    found = lift.across(stretch.asked, days)
    if found.is_empty():
        empty_state(
            "Nothing to compare yet",
            "Keep a holdout of a few percent on a campaign, or a split with a holdout in an "
            "automation: what they cause shows here.",
            icon="science",
            action="Go to Campaigns",
            page=page("campaigns"),
            key="lift",
        )
        return
    currency = workspace.settings().currency
    unit = figures.sign(currency)
    measured = found.filter(pl.col("incremental").is_not_null()).head(_SHOWN)
    bounds = measured.select("incremental", "low", "high")
    rows = [
        Interval(name, *each)
        for name, each in zip(numbered(measured["name"]), bounds.iter_rows(), strict=True)
    ]
    chart_card(
        "Lift side by side",
        unit,
        f"{_DEFINITION} Orders count for {days} days.",
        dots(rows, unit) if rows else None,
        _table(found),
        key="lift_across",
        columns={
            "Open": st.column_config.LinkColumn(display_text="Open"),
            "Ordered": st.column_config.NumberColumn(format="percent"),
            "Ordered, held out": st.column_config.NumberColumn(format="percent"),
        },
        takeaway=takeaway(found),
        empty="None of them can be measured yet; the table says why.",
        stretch=False,
    )
    _unsound(found)


def _table(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(
        pl.col("name").alias("Name"),
        pl.col("kind").alias("Kind"),
        pl.col("customers").alias("Customers"),
        pl.col("held").alias("Held out"),
        pl.col("share").alias("Ordered"),
        pl.col("held_share").alias("Ordered, held out"),
        pl.col("incremental").alias("Incremental"),
        pl.col("low").alias("At least"),
        pl.col("high").alias("At most"),
        pl.col("p_revenue").alias("p revenue"),
        pl.col("p_together").alias("p of all together"),
        pl.col("p_orders").alias("p orders"),
        pl.col("says").alias("In words"),
        pl.col("open").alias("Open"),
    )


def takeaway(found: pl.DataFrame) -> str:
    """What can be said of all of them at once: of many, chance alone makes some look clear."""
    measured = found.filter(pl.col("p_revenue").is_not_null())
    clear = measured.filter(pl.col("p_together") < _CHANCE)
    if not clear.is_empty():
        names = ", ".join(clear["name"].head(3))
        return f"Of {measured.height} measured, these show an effect beyond chance: {names}."
    alone = measured.filter(pl.col("p_revenue") < _CHANCE)["name"]
    seems = (
        f" {', '.join(alone.head(3))} would, looked at alone; but of so many, chance makes one "
        "look so."
        if alone.len()
        else ""
    )
    return (
        f"None of {figures.plural(measured.height, 'thing')} measured shows an effect beyond "
        f"chance on revenue.{seems} That is no proof that there is none: see how wide the "
        "intervals are."
    )


def _unsound(found: pl.DataFrame) -> None:
    names = found.filter(~pl.col("sound"))["name"]
    if names.len():
        st.warning(
            f"{', '.join(names)}: the groups do not have the sizes that were drawn (sample-ratio "
            "mismatch). Do not trust this lift.",
            icon=":material/balance:",
        )
