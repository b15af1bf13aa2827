"""Credited revenue over time, by channel."""

from __future__ import annotations

import streamlit as st

from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, revenue
from segmind.ui.views.revenue.credited import credited_card


def show(stretch: Stretch) -> None:
    """The card of revenue by channel; a reason where its orders have no common sum."""
    if reason := earned.no_sum(stretch.asked):
        st.warning(
            f"{reason}\n\nSet the workspace's currency to that of the orders (Settings), or choose "
            "a period with one currency.",
            icon=":material/currency_exchange:",
        )
        return
    credited_card(revenue.earned(stretch.days), key="ov_revenue")
