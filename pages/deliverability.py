"""Deliverability: what bounces, complains and opts out, and where."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.data import deliverability, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.deliverability import alarms, course, kpis, places

access.gate()
actions = page_header("Deliverability")
with actions:
    channel = st.pills(
        "Channel",
        list(CHANNELS),
        format_func=lambda each: CHANNELS[each][0],
        key="dlv_channel",
        bind="query-params",
        label_visibility="collapsed",
    )
    stretch = period_picker("dlv_range")
settings = workspace.settings()
found = deliverability.delivered(stretch.days, channel)
if found.places.is_empty():
    empty_state(
        "No messages in this period",
        "Once messages are sent, their bounces, complaints and opt-outs show here within two "
        "seconds of each receipt, by provider, domain and country.",
        icon="health_and_safety",
        action="Go to Campaigns",
        page=page("campaigns"),
        key="deliverability",
    )
    st.stop()
st.caption(
    f"The {stretch.label} in {settings.timezone}, {stretch.versus} · as of "
    f"{figures.clock_time(now(), settings.zone)} · each message counts once in a column, at its "
    "first such receipt in the period"
)
alarms.show(found.alarms)
kpis.show(found, stretch)
course.show(found)
places.show(found)
