"""Lift: what campaigns, automations and all marketing caused, beside whom chance held out."""

import streamlit as st

from segmind.ui import access, figures, problems
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.data import earned, workspace
from segmind.ui.store import now
from segmind.ui.views.lift import across, everything, returns

access.gate()
actions = page_header("Lift")
with actions:
    days = st.segmented_control(
        "Orders count for",
        (3, 7, 14, 30),
        default=7,
        required=True,
        format_func=lambda n: f"{n} days",
        key="lift_days",
        bind="query-params",
        label_visibility="collapsed",
    )
    stretch = period_picker("lift_range", default="90d", dates=True)
settings = workspace.settings()
st.caption(
    f"The {stretch.label} in {settings.timezone}, as of {figures.clock_time(now(), settings.zone)} "
    "· what the written to did more than the held out: not credit by a rule"
)
if reason := earned.no_sum(stretch.asked):
    st.warning(reason, icon=":material/currency_exchange:")
    st.stop()
with problems.shown("Measure the lift"), st.spinner("Measuring …"):
    across.show(stretch, days or 7)
    everything.show(stretch.days)
    returns.show(stretch)
