"""Whether customers come back: cohorts as a heatmap and as curves."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from segmind.analytics.retention import Cohorts, Retention
from segmind.ui import figures, problems
from segmind.ui.charts.curves import curves
from segmind.ui.charts.matrix import matrix
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.make_segment import make_segment
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.period_picker import period_picker
from segmind.ui.data import insights, workspace
from segmind.ui.views.insights.among import among_picker

#: Cohorts and columns that a heatmap shows; the table has all of them.
_SHOWN: Final = 16
#: Key figures: weeks or months after the first order.
_BACK: Final[dict[Cohorts, dict[int, str]]] = {
    "week": {1: "Back in week 1", 2: "Back in week 2", 4: "Back in week 4"},
    "month": {1: "Back in month 1", 2: "Back in month 2", 4: "Back in month 4"},
}
#: Cohorts with a curve of their own.
_CURVES: Final = 3


def show(controls: DeltaGenerator) -> None:
    """The choice, the key figures, the heatmap and the curves."""
    with controls:
        segment_id = among_picker("ins_among")
        chosen = st.segmented_control(
            "Cohorts",
            ["By week", "By month"],
            default="By week",
            required=True,
            key="ins_cohorts",
            bind="query-params",
            label_visibility="collapsed",
        )
        stretch = period_picker("ins_range", default="90d", dates=True)
    by: Cohorts = "month" if chosen == "By month" else "week"
    with problems.shown("Count who came back"):
        found, before = insights.cohorts(stretch.asked, by, segment_id)
        zone = workspace.settings().zone
        st.caption(
            f"Customers who first ordered in the {stretch.label} in {zone.key}, {stretch.versus} · "
            f"as of {figures.instant(found.as_of, zone)}"
        )
        if found.cohorts.is_empty():
            st.info(
                "Nobody ordered for the first time in this period. Choose a longer one.",
                icon=":material/info:",
            )
            return
        _figures(found, before, stretch.versus)
        _heatmap(found)
        _curves(found)
        _onward(found)


def _figures(found: Retention, before: Retention | None, versus: str) -> None:
    size = int(found.cohorts["size"].sum())
    past = None if before is None else int(before.cohorts["size"].sum())
    kpis = [
        Kpi(
            "New customers",
            figures.count(size),
            size,
            past,
            "Customers whose first order in the log lies in the period",
        )
    ]
    for n, label in _BACK[found.by].items():
        now_share = _share(found, n)
        kpis.append(
            Kpi(
                label,
                figures.percent(now_share),
                now_share,
                _share(before, n) if before else None,
                f"Of cohorts that are old enough, customers with an order in the "
                f"{_nth(n)} {found.by} after the one of their first",
                points=True,
            )
        )
    metric_row(kpis, versus=versus)


def _share(found: Retention, offset: int) -> float | None:
    rows = found.curve.filter(pl.col("offset") == offset)
    return None if rows.is_empty() else float(rows["share"][0])


def _heatmap(found: Retention) -> None:
    cohorts = found.cohorts.tail(_SHOWN)
    cells = {(c, n): (k, s, done) for c, n, k, s, done in found.cells.iter_rows()}
    widths = range(1, min(_SHOWN, int(found.cells["offset"].max())) + 1)  # type: ignore[arg-type]
    names = [_label(c, found.by) for c in cohorts["cohort"]]
    shares = [[cells.get((c, n)) for n in widths] for c in cohorts["cohort"]]
    most = max((each[1] for row in shares for each in row if each), default=0) or 1
    told = [
        [
            f"{name}: {figures.count(each[0])} of {figures.count(size)} ordered in "
            f"{found.by} {n}{'' if each[2] else ', which is not over yet'}"
            if each
            else ""
            for n, each in zip(widths, row, strict=True)
        ]
        for name, size, row in zip(names, cohorts["size"], shares, strict=True)
    ]
    chart_card(
        "Retention by cohort",
        f"% of the cohort, by {found.by}s after the first order",
        found.definition().what,
        matrix(
            [
                f"{name} · {figures.short(n)}"
                for name, n in zip(names, cohorts["size"], strict=True)
            ],
            [f"{found.by[0]}{n}" for n in widths],
            [[each[1] / most if each else None for each in row] for row in shares],
            [[_cell(each) for each in row] for row in shares],
            told,
        )
        if len(widths)
        else None,
        _table(found),
        key="ins_retention",
        takeaway=f"Rows: the {found.by} of the first order and how many customers it had; columns: "
        f"{found.by}s after it. … marks a "
        f"{found.by} that is not over."
        + ("" if found.cohorts.height <= _SHOWN else f" The newest {_SHOWN}; the table has all."),
        empty=f"The first {found.by} after these orders has not begun yet.",
    )


def _cell(each: tuple[int, float, bool] | None) -> str:
    if each is None:
        return ""
    return figures.percent(each[1], 0) + ("" if each[2] else "…")


def _table(found: Retention) -> pl.DataFrame:
    return found.cells.join(found.cohorts, on="cohort").select(
        pl.col("cohort").alias("Cohort"),
        pl.col("size").alias("Size"),
        pl.col("offset").alias(f"{found.by.capitalize()}s after"),
        pl.col("customers").alias("Customers"),
        (pl.col("share") * 100).round(2).alias("Share in %"),
        pl.col("is_complete").alias("Is over"),
    )


def _curves(found: Retention) -> None:
    curve = found.curve.filter(pl.col("offset") > 0)
    x = curve["offset"].to_list()
    series: dict[str, list[float | None]] = {
        "All cohorts": [100 * each for each in curve["share"].to_list()]
    }
    # Those of a few customers jump about, and would hide the others.
    large = found.cohorts.filter(pl.col("size") >= pl.col("size").max() / 10)
    several = large.head(_CURVES if large.height > 1 else 0)
    for cohort in several["cohort"]:
        own = dict(
            found.cells.filter(pl.col("cohort") == cohort, "is_complete")
            .select("offset", "share")
            .iter_rows()
        )
        series[_label(cohort, found.by)] = [
            None if n not in own else 100 * own[n] for n in x
        ]  # fmt: skip
    table = curve.select(
        pl.col("offset").alias(f"{found.by.capitalize()}s after"),
        pl.col("customers").alias("Customers"),
        pl.col("base").alias("Of"),
        (pl.col("share") * 100).round(2).alias("Share in %"),
    )
    chart_card(
        "Retention curve",
        "% of customers",
        found.definition().what,
        curves(x, series, "%", f"{found.by.capitalize()}s after the first order") if x else None,
        table,
        key="ins_curve",
        empty=f"No {found.by} after a first order is over yet.",
    )


def _onward(found: Retention) -> None:
    since = found.period.since.astimezone(found.period.zone).date()
    last = (found.period.until - timedelta(microseconds=1)).astimezone(found.period.zone).date()
    first_order = {
        "type": "occurrence",
        "which": "first",
        "event": "order",
        "window": {"type": "between", "since": since.isoformat(), "until": last.isoformat()},
    }
    once = {"type": "did", "event": "order", "metric": "distinct_days", "op": "exactly", "n": 1,
            "window": {"type": "ever"}}  # fmt: skip
    make_segment(
        {"type": "all", "conditions": [first_order, once]},
        "First order in the period, not back yet",
        key="ins_retention",
        label="Make a segment of those who have not come back",
    )


def _label(cohort: object, by: Cohorts) -> str:
    return f"{cohort:%b %Y}" if by == "month" else f"{cohort:%-d %b %Y}"


def _nth(n: int) -> str:
    return {1: "first", 2: "second"}.get(n, f"{n}th")
