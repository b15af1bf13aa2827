"""When silence means that a customer is gone."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from segmind.analytics.lapse import AT_RISK, LAPSED, LEAST_GAPS, Lapse
from segmind.ui import figures
from segmind.ui.charts.curves import curves
from segmind.ui.components.chart_card import chart_card, head
from segmind.ui.components.empty import empty_state
from segmind.ui.components.make_segment import make_segment
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import insights, workspace


def show(controls: DeltaGenerator) -> None:
    """The thresholds, how well they tell, and onward to a segment."""
    del controls
    found = insights.lapsing()
    if found is None:
        empty_state(
            "Too few customers have come back",
            f"Thresholds come from the gaps between a customer's orders; it takes {LEAST_GAPS} of "
            "them.",
            icon="hourglass_empty",
            key="ins_lapsing",
        )
        return
    zone = workspace.settings().zone
    judged = (
        f"judged by the {found.held} days from {found.judged_since:%-d %b %Y}, in which "
        f"{figures.percent(found.quiet)} of {figures.count(found.judged)} returning customers "
        "bought nothing"
        if found.judged_since
        else "the log is too short to judge them out of time"
    )
    st.caption(
        f"From {figures.plural(found.gaps, 'gap')} between orders of returning customers, as of "
        f"{figures.instant(found.as_of, zone)} ({zone.key}) · {judged}"
    )
    _figures(found)
    left, right = st.columns(2)
    with left:
        _thresholds(found)
    with right:
        _survival(found)


def _figures(found: Lapse) -> None:
    by_days = {row["days"]: row for row in found.thresholds.iter_rows(named=True)}
    metric_row(
        [
            Kpi(
                "At risk after",
                figures.plural(found.at_risk, "day"),
                help=f"{figures.percent(AT_RISK, 0)} of all gaps between orders are not longer",
            ),
            Kpi(
                "At risk now",
                figures.count(by_days[found.at_risk]["customers"]),
                help=f"Returning customers who are silent for longer, of "
                f"{figures.count(found.customers)}",
            ),
            Kpi(
                "Lapsed after",
                figures.plural(found.lapsed, "day"),
                help=f"{figures.percent(LAPSED, 0)} of all gaps between orders are not longer",
            ),
            Kpi(
                "Lapsed now",
                figures.count(by_days[found.lapsed]["customers"]),
                help="Returning customers who are silent for longer; they are at risk as well",
            ),
        ]
    )


def _thresholds(found: Lapse) -> None:
    table = found.thresholds.select(
        (pl.col("quantile") * 100).round(0).alias("Of gaps"),
        pl.col("days").alias("Days"),
        pl.col("customers").alias("Silent now"),
        (pl.col("precision") * 100).alias("Precision"),
        (pl.col("recall") * 100).alias("Recall"),
        pl.col("flagged").alias("Flagged"),
    )
    with st.container(border=True, key="card_ins_lapse"):
        head("Thresholds of silence", "days", found.definition().what, table, key="ins_lapse")
        share = st.column_config.NumberColumn(format="%.1f%%")
        st.dataframe(
            table,
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Of gaps": st.column_config.NumberColumn(
                    format="%.0f%%", help="Share of all gaps that are not longer"
                ),
                "Precision": share,
                "Recall": share,
                "Silent now": st.column_config.NumberColumn(
                    format="localized", help="Returning customers without an order for longer"
                ),
                "Flagged": st.column_config.NumberColumn(
                    format="localized", help="Beyond the threshold when the judging began"
                ),
            },
            alt="Thresholds of silence",
        )
        days = st.select_slider(
            "Threshold in days",
            sorted(set(found.thresholds["days"].to_list())),
            value=found.at_risk,
            key="ins_threshold",
            disabled=found.thresholds["days"].n_unique() < 2,
        )
        make_segment(
            silent_for(int(days)),
            f"Silent for more than {figures.plural(int(days), 'day')}",
            key="ins_lapse",
            label="Make a segment with this threshold",
        )


def silent_for(days: int) -> dict[str, Any]:
    """The rule of returning customers without an order for more than ``days``."""
    ever = {"type": "ever"}
    return {
        "type": "all",
        "conditions": [
            {"type": "did", "event": "order", "metric": "distinct_days", "op": "at_least", "n": 2,
             "window": ever},
            {"type": "recency", "event": "order", "op": "more_than",
             "ago": {"amount": days, "unit": "days"}},
        ],
    }  # fmt: skip


def _survival(found: Lapse) -> None:
    waiting = found.survival
    chart_card(
        "Still waiting for the next order",
        "% of orders",
        "Share of days with an order that were not followed by another within so many days "
        "(Kaplan and Meier): orders whose next one has not come yet count as long as they have "
        "been waited for.",
        curves(
            waiting["days"].to_list(),
            {"Not followed yet": [100 * each for each in waiting["waiting"].to_list()]},
            "%",
            "Days since an order",
            marks={"at risk": found.at_risk, "lapsed": found.lapsed},
        ),
        waiting.select(
            pl.col("days").alias("Days"), (pl.col("waiting") * 100).round(2).alias("Waiting in %")
        ),
        key="ins_survival",
    )
