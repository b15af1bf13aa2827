"""How the shares went over time."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.analytics.deliverability import DEFINITIONS, ENOUGH
from segmind.analytics.receipt_book import METRICS
from segmind.ui.charts.timeseries import lines
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data.deliverability import Delivered


def show(found: Delivered) -> None:
    """Bounced beside what people did against us."""
    course = found.course.group_by("bucket").agg(pl.col(list(METRICS)).sum()).sort("bucket")
    left, right = st.columns(2)
    with left:
        _card("Bounced", course, {"Bounced": ("bounced", "sent")}, "dlv_bounced")
    with right:
        _card(
            "Complaints and opt-outs",
            course,
            {
                "Complained": ("complained", "delivered"),
                "Opted out": ("unsubscribed", "delivered"),
            },
            "dlv_objections",
        )


def _card(title: str, course: pl.DataFrame, shares: dict[str, tuple[str, str]], key: str) -> None:
    table = course.select(
        "bucket",
        *(
            (100 * pl.col(part) / pl.when(pl.col(whole) >= ENOUGH).then(pl.col(whole))).alias(label)
            for label, (part, whole) in shares.items()
        ),
    )
    series = {label: table[label].to_list() for label in shares}
    anything = any(value for values in series.values() for value in values)
    chart_card(
        title,
        "%",
        " ".join(DEFINITIONS[part] for part, _ in shares.values())
        + f" By the day of the receipt; no point where it would be a share of fewer than {ENOUGH}.",
        lines(table["bucket"].to_list(), series, "%") if anything else None,
        table,
        key=key,
        empty=f"None in this period, or never {ENOUGH} messages in a day.",
    )
