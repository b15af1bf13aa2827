"""From looking to buying, and what was left in carts."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.charts.bars import funnel as funnel_chart
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import revenue


def show(stretch: Stretch) -> None:
    """The funnel by session or by customer, and abandonment in the three ways it is meant."""
    # What is bound to the address is what the options say: no format function here.
    chosen = st.segmented_control(
        "Count",
        ["By session", "By customer"],
        default="By session",
        required=True,
        key="rev_by",
        bind="query-params",
        label_visibility="collapsed",
    )
    by = (chosen or "By session").removeprefix("By ")
    found, left = revenue.product_funnel(stretch.asked, by)
    steps = [(step.label, step.count) for step in found.steps]
    things = f"{by}s"
    columns = st.columns([2, 1])
    with columns[0]:
        chart_card(
            "Product funnel",
            things,
            found.definition().what,
            funnel_chart(steps, things) if any(n for _, n in steps) else None,
            pl.DataFrame(
                {"Step": [s for s, _ in steps], things.capitalize(): [n for _, n in steps]}
            ),
            key="rev_funnel",
        )
    with columns[1]:
        metric_row(
            [
                Kpi(
                    "Carts left, by session",
                    figures.percent(left.by_session),
                    help="Sessions with an addition and no order, of sessions with an addition",
                ),
                Kpi(
                    "By cart event",
                    figures.percent(left.by_cart_event),
                    help="1 − order lines / additions",
                ),
                Kpi(
                    "By customer",
                    figures.percent(left.by_customer),
                    help="Customers with an addition and no order in the period, of customers "
                    "with an addition",
                ),
            ],
            columns=1,
        )
