"""What customers are expected to do, and how such forecasts have fared."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from segmind.analytics.forecast_check import Check
from segmind.analytics.predicting import Outlook
from segmind.ui import figures
from segmind.ui.charts.bars import ranked
from segmind.ui.charts.timeseries import lines
from segmind.ui.components.chart_card import chart_card, head
from segmind.ui.components.empty import empty_state
from segmind.ui.components.make_segment import make_segment
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import insights, workspace

_AHEAD: Final = {"30 days": 30, "90 days": 90, "365 days": 365}


def show(controls: DeltaGenerator) -> None:
    """The totals, the tenths of customers, and an earlier forecast against what happened."""
    with controls:
        chosen = st.segmented_control(
            "Ahead",
            list(_AHEAD),
            default="90 days",
            required=True,
            key="ins_ahead",
            bind="query-params",
            label_visibility="collapsed",
        )
    found = insights.outlook(_AHEAD.get(chosen or "90 days", 90))
    if found is None:
        empty_state(
            "Nothing can be predicted yet", insights.no_model(), icon="online_prediction",
            key="ins_predictions",
        )  # fmt: skip
        return
    zone = workspace.settings().zone
    st.caption(
        f"The {found.days} days after {figures.instant(found.as_of, zone)} ({zone.key}) · model of "
        f"{found.model.day:%-d %b %Y}, fitted to {figures.count(found.model.customers)} customers, "
        f"{figures.count(found.model.returned)} of whom came back · refreshed every day"
    )
    _figures(found)
    _tenths(found)
    left, right = st.columns(2)
    fared = insights.check()
    with left:
        _chances(found)
    with right:
        _course(fared)
    if fared is not None:
        _classes(fared)
    _parameters(found)


def _figures(found: Outlook) -> None:
    currency = workspace.settings().currency
    meaning = found.definition().what
    metric_row(
        [
            Kpi("Customers who bought", figures.count(found.customers), help=meaning),
            Kpi(
                "Still customers, expected",
                figures.count(found.alive),
                help="Sum of everybody's probability of still being a customer. Who bought once is "
                "certain to be one in this model (BG/NBD).",
            ),
            Kpi(
                "Expected orders",
                figures.short(found.orders),
                help=f"Days with an order in the next {found.days} days, of all who ever bought",
            ),
            Kpi(
                "Expected revenue",
                figures.money(found.value, currency, compact=True),
                help=f"Net, in the next {found.days} days, not discounted"
                if found.value is not None
                else "Amounts tell nothing: several currencies, or too few customers with any",
            ),
        ]
    )


def _tenths(found: Outlook) -> None:
    currency = workspace.settings().currency
    unit = 10 ** figures.digits(currency)
    table = found.tenths.select(
        pl.col("tenth").alias("Tenth"),
        pl.col("customers").alias("Customers"),
        pl.col("orders").round(1).alias("Expected orders"),
        (pl.col("value") / unit).alias("Expected revenue"),
        (pl.col("alive") * 100).alias("Still customers"),
        (pl.col("least") / unit).alias("At least, each"),
    )
    with st.container(border=True, key="card_ins_tenths"):
        head(
            "Customers by expected value",
            currency if found.value is not None else "orders",
            f"{found.definition().what} A tenth of the customers in each row, the best first.",
            table,
            key="ins_tenths",
        )
        money = st.column_config.NumberColumn(format=figures.column_format(currency))
        st.dataframe(
            table,
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Customers": st.column_config.NumberColumn(format="localized"),
                "Expected orders": st.column_config.NumberColumn(format="localized"),
                "Expected revenue": money,
                "At least, each": money,
                "Still customers": st.column_config.ProgressColumn(
                    format="%.0f%%", min_value=0, max_value=100
                ),
            },
            alt="Customers by expected value",
        )
        with st.container(horizontal=True):
            _onward(found)


def _onward(found: Outlook) -> None:
    rule: dict[str, Any]
    best = found.tenths.row(0, named=True)
    if best["least"]:
        rule = {"what": "predicted_value", "n": best["least"], "days": found.days}
        make_segment(
            {"type": "predicted", "op": "at_least", **rule},
            "Best tenth by expected revenue",
            key="ins_best",
            label="Make a segment of the best tenth",
        )
    rule = {"what": "probability_alive", "n": 0.5}
    make_segment(
        {"type": "predicted", "op": "less_than", **rule},
        "Probably gone",
        key="ins_gone",
        label="Make a segment of those probably gone",
    )


def _chances(found: Outlook) -> None:
    labels = [f"{10 * n} to {figures.per_cent(10 * n + 10)}" for n in range(10)][::-1]
    values = list(found.by_chance)[::-1]
    chart_card(
        "Probability of still being a customer",
        "customers",
        "BG/NBD: the probability that somebody with these purchases has not left for good. Who "
        "bought once is certain to be a customer in this model: it lets nobody leave before a "
        "second purchase.",
        ranked(labels, values, ""),
        pl.DataFrame({"Probability": labels, "Customers": values}),
        key="ins_chance",
    )


def _course(found: Check | None) -> None:
    if found is None:
        st.caption(
            ":material/info: The forecast cannot be checked yet: that takes three weeks of events "
            "and 50 customers who came back in the first two thirds of them."
        )
        return
    error = found.error
    takeaway = (
        f"A model of {found.since:%-d %b %Y} expected {figures.count(found.expected)} orders of "
        f"{figures.plural(found.customers, 'customer')} until {found.until:%-d %b %Y}; there were "
        f"{figures.count(found.actual)}"
        + ("." if error is None else f": {error:+.1%} off.".replace("-", "−"))
    )
    chart_card(
        "Forecast against fact",
        "orders since the beginning",
        found.definition().what,
        lines(
            found.course["day"].to_list(),
            {
                "Happened": found.course["actual"].to_list(),
                "Expected": found.course["expected"].to_list(),
            },
            "orders",
        ),
        found.course.select(
            pl.col("day").alias("Up to"),
            pl.col("expected").round(1).alias("Expected"),
            pl.col("actual").alias("Happened"),
        ),
        key="ins_check",
        takeaway=takeaway,
    )


def _classes(found: Check) -> None:
    table = found.classes.select(
        pl.when(pl.col("repeats") < 7)
        .then(pl.col("repeats").cast(pl.String))
        .otherwise(pl.lit("7 and more"))
        .alias("Came back"),
        pl.col("customers").alias("Customers"),
        (pl.col("expected") / pl.col("customers")).round(3).alias("Expected each"),
        (pl.col("actual") / pl.col("customers")).round(3).alias("Happened each"),
    )
    with st.container(border=True, height="stretch", key="card_ins_classes"):
        head(
            "Forecast by how often they had come back",
            "orders a customer",
            f"{found.definition().what} Customers by the days with an order after their first, "
            "before the forecast.",
            table,
            key="ins_classes",
        )
        st.dataframe(
            table,
            hide_index=True,
            column_config={"Customers": st.column_config.NumberColumn(format="localized")},
            alt="Forecast by how often they had come back",
        )


def _parameters(found: Outlook) -> None:
    buying, spending = found.model.buying, found.model.spending
    with st.expander("The model", icon=":material/function:"):
        st.markdown(
            f"BG/NBD: r = {buying.r:.4g}, α = {buying.alpha:.4g} days, a = {buying.a:.4g}, "
            f"b = {buying.b:.4g}; log-likelihood {found.model.log_likelihood:,.1f}."
        )
        if spending is not None:
            currency = workspace.settings().currency
            correlation = found.model.correlation
            st.markdown(
                f"Gamma-Gamma: p = {spending.p:.4g}, q = {spending.q:.4g}, γ = {spending.gamma:.4g}"
                f" minor units; an order of somebody unknown is worth "
                f"{figures.money(spending.mean, currency)}."
                + (
                    f" Number and value of purchases correlate by {correlation:.2f}; the model "
                    "takes them to be independent."
                    if correlation is not None
                    else ""
                ).replace("$", "\\$")
            )
        st.caption(
            "Fader, Hardie and Lee, “Counting Your Customers” the Easy Way (2005); Fader and "
            "Hardie, The Gamma-Gamma Model of Monetary Value (2013)."
        )
