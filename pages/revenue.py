"""Revenue: what the shop took, and what of it followed a message."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.data import overview, revenue, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.revenue import course, funnel, kpis, performance, sources
from segmind.ui.views.revenue.credited import credited_card

access.gate()
actions = page_header("Revenue")
if not overview.has_events():
    empty_state(
        "No orders yet",
        "Revenue appears as soon as the log holds orders.",
        icon="payments",
        action="Import events",
        page=page("data"),
        params={"dat_tab": "Import"},
        key="revenue",
    )
    st.stop()
with actions:
    stretch = period_picker("rev_range")
settings = workspace.settings()
st.caption(
    f"The {stretch.label} in {settings.timezone}, {stretch.versus} · as of "
    f"{figures.clock_time(now(), settings.zone)} · an order is credited to the last human click "
    f"within {settings.attribution_window_days} x 24 h before it, once or "
    "not at all, net of refunds"
)
earned = revenue.earned(stretch.days)
kpis.show(earned, stretch)
left, right = st.columns([3, 2])
with left:
    credited_card(earned, key="rev_credited")
with right:
    course.show(earned)
sources.show(earned)
performance.show(stretch)
funnel.show(stretch)
