"""What was caused: groups beside their holdout, in a chart, in words and as a table."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from segmind.analytics.lift import ArmLift, Lift
from segmind.experiments.effect import Effect
from segmind.experiments.sentences import sentence
from segmind.ui import figures
from segmind.ui.charts.intervals import Interval, dots
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data import workspace

_FIGURES = "Share with an order,Incremental,At least,At most,p revenue,p orders".split(",")


def lift_card(found: Lift, *, key: str) -> None:
    """Incremental revenue with its interval; conversions beside it in words."""
    currency = workspace.settings().currency
    chart_card(
        "Lift: what would not have happened anyway",
        figures.sign(currency),
        f"{found.definition.what} {found.definition.window}.",
        _chart(found, currency),
        _table(found, currency),
        key=key,
        takeaway=words(found, currency),
        empty=words(found, currency),
        stretch=False,
    )
    if not found.ratio.is_sound:
        st.warning(found.ratio.sentence, icon=":material/balance:")


def _chart(found: Lift, currency: str) -> go.Figure | None:
    rows = []
    for arm in found.arms:
        total = arm.total_revenue
        if isinstance(total, Effect):
            bounds = (figures.major(v, currency) for v in (total.estimate, total.low, total.high))
            rows.append(Interval(_name(arm, found), *bounds))
    return dots(rows, figures.sign(currency)) if rows else None


def _name(arm: ArmLift, found: Lift) -> str:
    return "Revenue in all" if len(found.arms) == 1 else f"Variant {arm.arm.name}"


def words(found: Lift, currency: str) -> str:
    """Revenue first, then conversion, each with what may be said of it."""
    lines = []
    for arm in found.arms:
        named = "" if len(found.arms) == 1 else f"Variant {arm.arm.name}: "
        revenue = sentence(arm.total_revenue, lambda v: figures.money(round(v), currency))
        share = sentence(arm.conversion, lambda v: f"{100 * v:.2f} points")
        lines.append(f"{named}Net revenue: {revenue} Share of customers with an order: {share}")
    if not lines:
        return "Nobody got the message, so there is nothing to compare."
    if found.goes_on:
        lines.append(
            "This goes on: the intervals hold however often one looks, and are wider for it."
        )
    elif not found.is_over:
        lines.append(
            "The window is still open: intervals are wider until then, so that looking early does "
            "not mislead."
        )
    return "  \n".join(dict.fromkeys(lines)).replace("$", "\\$")


def _table(found: Lift, currency: str) -> pl.DataFrame:
    arms = [arm.arm for arm in found.arms] + [found.control]
    totals = [arm.total_revenue for arm in found.arms]

    def bound(name: str) -> list[float | None]:
        values = [getattr(t, name) if isinstance(t, Effect) else None for t in totals]
        return [None if v is None else figures.major(v, currency) for v in values] + [None]

    return pl.DataFrame(
        {
            "Group": [arm.name for arm in arms],
            "Customers": [arm.customers for arm in arms],
            "With an order": [arm.buyers for arm in arms],
            "Share with an order": [arm.conversion_rate for arm in arms],
            "Net revenue": [figures.major(arm.net_revenue, currency) for arm in arms],
            "Incremental": bound("estimate"),
            "At least": bound("low"),
            "At most": bound("high"),
            "p revenue": [arm.p_revenue for arm in found.arms] + [None],
            "p orders": [arm.p_conversion for arm in found.arms] + [None],
        },
        schema_overrides=dict.fromkeys(_FIGURES, pl.Float64),
    )
