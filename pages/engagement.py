"""Engagement: what became of the messages."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.components.segment_picker import segment_picker
from segmind.ui.data import engagement, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.engagement import course, groups, kpis

access.gate()
actions = page_header("Engagement")
with actions:
    channel = st.pills(
        "Channel",
        list(CHANNELS),
        format_func=lambda each: CHANNELS[each][0],
        key="eng_channel",
        bind="query-params",
        label_visibility="collapsed",
    )
    to = segment_picker("eng_to")
    stretch = period_picker("eng_range", dates=True)
settings = workspace.settings()
engaged = engagement.engaged(stretch.asked, channel, to)
if not engaged.now["sent"] and not engaged.before["sent"] and to is not None:
    empty_state(
        "No messages to this segment in this period",
        "Its present members were sent nothing. Choose everybody or a longer period above, or send "
        "them a campaign.",
        icon="monitoring",
        action="Go to Campaigns",
        page=page("campaigns"),
        key="engagement",
    )
    st.stop()
if not engaged.now["sent"] and not engaged.before["sent"]:
    empty_state(
        "No messages in this period",
        "Send a campaign or switch an automation on; what becomes of its messages shows here "
        "within two seconds of each receipt.",
        icon="monitoring",
        action="Go to Campaigns",
        page=page("campaigns"),
        key="engagement",
    )
    st.stop()
st.caption(
    f"The {stretch.label} in {settings.timezone}, {stretch.versus} · as of "
    f"{figures.clock_time(now(), settings.zone)} · each message counts once in a column; opens and "
    "clicks are those of people"
)
kpis.show(engaged, stretch)
course.show(engaged)
groups.show(stretch, channel, to)
