"""Campaigns: one-off sends, by status."""

import streamlit as st

from segmind.ui import access, problems
from segmind.ui.components.badges import state_label
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import campaigns
from segmind.ui.views.campaigns.list import new_campaign, rows, was_discarded
from segmind.workspace.permissions import Action

viewer = access.gate()
say_what_was_done()
actions = page_header("Campaigns", "A campaign sends one message to one segment, once.")
with actions:
    if st.button(
        "New campaign",
        type="primary",
        icon=":material/add:",
        disabled=not viewer.may(Action.EDIT_CAMPAIGNS),
        key="cms_new",
    ):
        new_campaign()

GROUPS = {
    "All": None,
    "Drafts": {"draft", "missed"},
    "Scheduled": {"scheduled"},
    "Sending": {"launching", "sending", "paused"},
    "Done": {"sent", "cancelled"},
}
everything = campaigns.newest()
if not everything:
    if empty_state(
        "No campaigns yet",
        "Choose a segment, write a message, and see who will receive it before anything leaves.",
        icon="campaign",
        action="New campaign",
        key="campaigns",
    ):
        with problems.shown("New campaign"):
            new_campaign()
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    shown = open_section(GROUPS, key="cms_status", label="Status")
    sought = st.text_input(
        "Find a campaign by name",
        placeholder="Find a campaign by name",
        icon=":material/search:",
        key="cms_find",
        bind="query-params",
        label_visibility="collapsed",
        width=280,
    )
states = GROUPS[shown]
listed = [
    each
    for each in everything
    if (each.status.value in states if states else not was_discarded(each))
    and (sought or "").strip().lower() in each.name.lower()
]
if not listed and (sought or "").strip():
    st.caption(f"No campaign here has “{sought}” in its name.")
elif not listed and states:
    st.caption(f"No campaign is {' or '.join(state_label(s).lower() for s in states)}.")
elif not listed:
    st.caption("All drafts were discarded. They can be copied under Done.")
rows(listed)
