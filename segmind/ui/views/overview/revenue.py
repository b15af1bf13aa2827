"""Credited revenue over time, by channel."""

from __future__ import annotations

from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import revenue
from segmind.ui.views.revenue.credited import credited_card


def show(stretch: Stretch) -> None:
    """The card of revenue by channel."""
    credited_card(revenue.earned(stretch.days), key="ov_revenue")
