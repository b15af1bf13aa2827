"""What messages cost and brought."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st

from segmind.analytics import roi
from segmind.analytics.rule import Rule
from segmind.ui import figures
from segmind.ui.charts.bars import ranked
from segmind.ui.charts.frame import numbered
from segmind.ui.charts.intervals import said
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, workspace
from segmind.ui.navigation import page

_BY: Final[dict[str, roi.By]] = {
    "Campaign or automation": "source",
    "Channel": "channel",
    "Month": "month",
}
_SHOWN: Final = 12
#: From so much on parts of a cent say nothing, and thousands need their separators.
_LITTLE: Final = 1000


def show(stretch: Stretch, rule: Rule) -> None:
    """Bars of the return, the money behind it in the table, and what is not known in words."""
    chosen = st.segmented_control(
        "Return by",
        list(_BY),
        default="Campaign or automation",
        required=True,
        key="rev_return_by",
        bind="query-params",
    )
    found = earned.returns(stretch.asked, rule.key, _BY.get(chosen or "", "source"))
    _bars(found, rule, chosen or "Name")
    _table(found, chosen or "Name")
    _incremental(found)
    with st.container(horizontal=True):
        st.page_link(
            page("settings"),
            label="Prices of messages",
            icon=":material/payments:",
            query_params={"set_tab": "Costs"},
        )
        st.page_link(page("campaigns"), label="Campaigns", icon=":material/campaign:")


def _bars(found: pl.DataFrame, rule: Rule, title: str) -> None:
    spent = found.filter(pl.col("roi").is_not_null())
    if title != "Month":
        largest = spent.sort("attributed", descending=True).head(_SHOWN)
        spent = largest.sort("roi", descending=True)
    spent = spent.head(_SHOWN)
    chart_card(
        "Return on messages",
        "times",
        "ROI: (attributed revenue - message cost - discounts) / (message cost + discounts), by the "
        f"rule {rule.name}. Credit counts in the month of the order, cost in the month of sending. "
        "Things without costs have no return.",
        ranked(numbered(spent["name"]), spent["roi"].to_list(), "×") if spent.height else None,
        _named(found, title),
        key="rev_returns",
        columns={"Open": st.column_config.LinkColumn(display_text="Open")},
        empty="No message with a cost was sent in this period.",
        stretch=False,
    )


def _table(found: pl.DataFrame, title: str) -> None:
    if found.is_empty():
        return
    currency = workspace.settings().currency
    money = st.column_config.NumberColumn(format=figures.column_format(currency))
    count = st.column_config.NumberColumn(format="localized")
    table = _named(found, title)
    if found["incremental"].count():
        bounds = zip(found["incremental_low"], found["incremental_high"], strict=True)
        plausible = [_between(low, high, currency) for low, high in bounds]
        after = table.get_column_index("Incremental") + 1
        table = table.insert_column(after, pl.Series("Plausibly", plausible, dtype=pl.String))
    else:
        table = table.drop("Incremental")
    table = table.drop("Incremental, low", "Incremental, high")
    if not table["Discounts"].sum():
        table = table.drop("Discounts")
    st.dataframe(
        table,
        hide_index=True,
        placeholder=figures.DASH,
        column_config={
            title: st.column_config.TextColumn(width=190),
            "Message cost": _cost(found, currency),
            "Discounts": money,
            "Attributed": money,
            "Profit": money,
            "ROI, times": st.column_config.NumberColumn(format="localized"),
            "Incremental": money,
            "Messages": count,
            "Orders": count,
            "Open": st.column_config.LinkColumn(display_text="Open"),
        },
        alt=f"Cost and return by {title.lower()}, in {currency}",
    )


def _between(low: float | None, high: float | None, currency: str) -> str | None:
    if low is None or high is None:
        return None
    unit = figures.sign(currency)
    return f"{said(low, unit)} to {said(high, unit)}"


def _cost(found: pl.DataFrame, currency: str) -> Any:
    """Money; with parts of a cent where all of it is little: push costs next to nothing."""
    if found.filter(pl.col("message_cost") >= _LITTLE).height:
        return st.column_config.NumberColumn(format=figures.column_format(currency))
    sign, places = figures.sign(currency), figures.digits(currency) + 2
    return st.column_config.NumberColumn(format=f"{sign if len(sign) == 1 else ''}%.{places}f")


def _named(found: pl.DataFrame, title: str) -> pl.DataFrame:
    return found.select(
        pl.col("name").alias(title),
        pl.col("messages").alias("Messages"),
        pl.col("message_cost").alias("Message cost"),
        pl.col("discount").alias("Discounts"),
        pl.col("orders").alias("Orders"),
        pl.col("attributed").alias("Attributed"),
        pl.col("profit").alias("Profit"),
        pl.col("roi").round(1).alias("ROI, times"),
        pl.col("incremental").alias("Incremental"),
        pl.col("incremental_low").alias("Incremental, low"),
        pl.col("incremental_high").alias("Incremental, high"),
        pl.col("open").alias("Open"),
    )


def _incremental(found: pl.DataFrame) -> None:
    """What the attributed figures cannot say."""
    known = found["incremental"].drop_nulls().len()
    if known < found.height:
        which = "None of these can" if not known else f"{found.height - known} of these cannot"
        st.info(
            f"{which} be compared with customers who were held out, so what the messages "
            "caused is not known: incremental revenue is left empty. Attributed revenue says who "
            "was there before an order, not who would have bought anyway. Keep a holdout on every "
            "campaign, and a split with one in automations, to measure it.",
            icon=":material/science:",
        )
