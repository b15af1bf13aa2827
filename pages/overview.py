"""Overview: how the shop is doing, what just happened, what waits for a person."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.data import earned, overview, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.overview import campaigns, kpis, live, needs, revenue

viewer = access.gate()
say_what_was_done()
actions = page_header("Overview")
if not overview.has_events():
    empty_state(
        "Nothing has happened yet",
        "Import past events from a file, or let the shop send them to the API. Figures, segments "
        "and the live stream appear as soon as there are some.",
        icon="rocket_launch",
        action="Import events",
        page=page("data"),
        params={"dat_tab": "Import"},
        key="overview",
    )
    st.stop()

with actions:
    stretch = period_picker("ov_range")
settings = workspace.settings()
st.caption(
    f"The {stretch.label} in {settings.timezone}, {stretch.versus} · as of "
    f"{figures.clock_time(now(), settings.zone)} · orders are credited to the last click within "
    f"{earned.click_window()}"
)
kpis.show(stretch)
left, right = st.columns([2, 1])
with left:
    revenue.show(stretch)
with right:
    needs.show()
left, right = st.columns(2)
with left:
    live.show()
with right:
    campaigns.show()
