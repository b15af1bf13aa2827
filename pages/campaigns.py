"""Campaigns: one-off sends, by status."""

import streamlit as st

from segmind.ui import access, problems
from segmind.ui.components.badges import state_label
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import campaigns
from segmind.ui.views.campaigns.list import new_campaign, one_row
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

shown = st.segmented_control(
    "Status",
    list(GROUPS),
    default="All",
    required=True,
    key="cms_status",
    bind="query-params",
    label_visibility="collapsed",
)
states = GROUPS[shown or "All"]
listed = [each for each in everything if states is None or each.status.value in states]
if not listed:
    st.caption(f"No campaign is {' or '.join(state_label(s).lower() for s in states or ())}.")
for campaign in listed:
    one_row(campaign)
