"""From looking to buying, what was left in carts, and how much looking ended in buying."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from segmind.analytics.funnel import STEPS, Funnel
from segmind.ui import figures
from segmind.ui.charts.bars import funnel as funnel_chart
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.make_segment import make_segment
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import revenue
from segmind.ui.data.revenue import Funnels


def show(stretch: Stretch) -> None:
    """The funnel by session or by customer; abandonment and conversion as they are meant."""
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
    found = revenue.product_funnel(stretch.asked, by)
    columns = st.columns([2, 1])
    with columns[0]:
        _funnel(found, by, stretch)
    with columns[1]:
        _abandonment(found, stretch)
    _conversion(found, stretch)


def _funnel(found: Funnels, by: str, stretch: Stretch) -> None:
    now = found.now.steps
    before = {step.key: step.count for step in found.before.steps} if found.before else {}
    steps = [(step.label, step.count) for step in now]
    things = f"{by}s"
    table = pl.DataFrame(
        {
            "Step": [step.label for step in now],
            things.capitalize(): [step.count for step in now],
            "Of the first in %": [_hundredths(step.of_first) for step in now],
            "Of the step before in %": [_hundredths(step.of_previous) for step in now],
            "Period before": [before.get(step.key) for step in now],
        },
        schema_overrides={"Period before": pl.Int64},
    )
    chart_card(
        "Product funnel",
        things,
        found.now.definition().what,
        funnel_chart(steps, things) if any(n for _, n in steps) else None,
        table,
        key="rev_funnel",
        takeaway=_takeaway(found.now, before, stretch),
    )
    _onward(found.now, stretch)


def _hundredths(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _takeaway(now: Funnel, before: dict[str, int], stretch: Stretch) -> str:
    last = now.steps[-1]
    if not last.count or not before.get(last.key):
        return ""
    change = last.count / before[last.key] - 1
    return (
        f"{last.label}: {figures.count(last.count)}, {change:+.1%} {stretch.versus}."
    ).replace("-", "−")  # fmt: skip


def _onward(now: Funnel, stretch: Stretch) -> None:
    """Those who stopped between two steps, as a rule over the same days."""
    kinds = {label: kind.event_name for _, label, kind in STEPS}
    names = [step.label for step in now.steps]
    stops = {f"{a}, but never: {b}": (kinds[a], kinds[b]) for a, b in _pairs(names)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Customers who stopped", list(stops), index=len(stops) - 1, key="rev_stop", width=360
        )
        done, not_done = stops[chosen or next(iter(stops))]
        rule = {"type": "all", "conditions": [_did(done, 1, stretch), _did(not_done, 0, stretch)]}
        make_segment(rule, str(chosen), key="rev_funnel")


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    return [(a, b) for n, a in enumerate(names) for b in names[n + 1 :]]


def _did(event: str, n: int, stretch: Stretch) -> dict[str, Any]:
    window: dict[str, Any] = {"type": "last", "amount": stretch.days, "unit": "days"}
    if stretch.first is not None and stretch.last is not None:
        days = (stretch.first.isoformat(), stretch.last.isoformat())
        window = {"type": "between", "since": days[0], "until": days[1]}
    op = "at_least" if n else "exactly"
    return {"type": "did", "event": event, "op": op, "n": n, "window": window}


def _abandonment(found: Funnels, stretch: Stretch) -> None:
    left, before = found.abandoned, found.abandoned_before
    metric_row(
        [
            Kpi(
                "Carts left, by session",
                figures.percent(left.by_session),
                left.by_session,
                before.by_session if before else None,
                "Sessions with an addition and no order, of sessions with an addition",
                judge="inverse",
                points=True,
            ),
            Kpi(
                "By cart event",
                figures.percent(left.by_cart_event),
                left.by_cart_event,
                before.by_cart_event if before else None,
                "1 − order lines / additions",
                judge="inverse",
                points=True,
            ),
            Kpi(
                "By customer",
                figures.percent(left.by_customer),
                left.by_customer,
                before.by_customer if before else None,
                "Customers with an addition and no order in the period, of customers with an "
                "addition",
                judge="inverse",
                points=True,
            ),
        ],
        columns=1,
        versus=stretch.versus,
    )


def _conversion(found: Funnels, stretch: Stretch) -> None:
    now, before = found.converted, found.converted_before
    metric_row(
        [
            Kpi(
                "Conversion, by session",
                figures.percent(now.by_session),
                now.by_session,
                before.by_session if before else None,
                "Sessions with an order, of sessions with a view, an addition, a checkout or an "
                "order",
                points=True,
            ),
            Kpi(
                "Conversion, by customer",
                figures.percent(now.by_customer),
                now.by_customer,
                before.by_customer if before else None,
                "Customers with an order, of customers who did anything in the shop",
                points=True,
            ),
            Kpi(
                "Conversion, by product view",
                figures.percent(now.by_product_view),
                now.by_product_view,
                before.by_product_view if before else None,
                "Order lines / product views",
                points=True,
            ),
        ],
        columns=3,
        versus=stretch.versus,
    )
