"""Credited revenue by whatever it is asked by: step, variant, segment, product, day."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st

from segmind.analytics.credit_by import Dimension
from segmind.analytics.rule import Rule
from segmind.ui import figures
from segmind.ui.charts.bars import ranked
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, workspace

_BY: Final[dict[str, Dimension]] = {
    "Campaign or automation": "source",
    "Automation step": "step",
    "Variant": "variant",
    "Channel": "channel",
    "Segment": "segment",
    "Product": "product",
    "Day": "day",
}
_NOTES: Final[dict[Dimension, str]] = {
    "segment": " Present members; a customer may be in several segments, so that bars overlap.",
    "product": " An order's credit is shared out over its lines by their values.",
    "day": " By the day of the order.",
}
_SHOWN: Final = 10


def show(stretch: Stretch, rule: Rule) -> None:
    """Bars of the ten with the most credit, all of them in the table."""
    chosen = st.segmented_control(
        "Credit by",
        list(_BY),
        default="Campaign or automation",
        required=True,
        key="rev_credit_by",
        bind="query-params",
    )
    by = _BY.get(chosen or "", "source")
    currency = workspace.settings().currency
    unit, places = figures.sign(currency), 10 ** figures.digits(currency)
    found = earned.credit(stretch.asked, rule.key, by)
    if by == "segment":
        found = found.sort("revenue", descending=True)
    amounts = found.with_columns(pl.col("revenue") / places)
    top = amounts.filter(pl.col("revenue") > 0)
    top = top.tail(31) if by == "day" else top.head(_SHOWN)
    shown = found.filter(pl.col("revenue") > 0).height
    chart_card(
        "Credited revenue",
        unit,
        f"Net revenue credited by the rule {rule.name}: {rule.sharing}.{_NOTES.get(by, '')}",
        ranked(_told_apart(top), top["revenue"].to_list(), unit) if top.height else None,
        amounts.select(
            pl.col("name").alias(chosen or "Name"),
            *([] if by == "channel" else [pl.col("channel").alias("Channel")]),
            pl.col("orders").alias("Orders"),
            pl.col("customers").alias("Customers"),
            pl.col("revenue").alias(f"Revenue, {currency}"),
            pl.col("open").alias("Open"),
        ),
        key=f"rev_by_{by}",
        columns={"Open": st.column_config.LinkColumn(display_text="Open")},
        takeaway=f"{top.height} of {figures.plural(shown, 'row')} with credit; the table has all."
        if shown > top.height
        else "",
        empty="Nothing is credited in this period.",
        stretch=False,
    )


def _told_apart(top: pl.DataFrame) -> list[str]:
    """Names that a category axis keeps apart."""
    found: list[str] = []
    for name, channel in top.select("name", "channel").iter_rows():
        short = name if len(name) <= 40 else f"{name[:39]}…"
        label = short if short not in found or channel is None else f"{short} ({channel})"
        n = 2
        while label in found:
            label, n = f"{short} ({n})", n + 1
        found.append(label)
    return found
