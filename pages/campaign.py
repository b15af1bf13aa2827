"""One campaign: composed, reviewed, sent, reported."""

import streamlit as st

from segmind.campaigns.campaign import UnknownCampaign
from segmind.campaigns.lifecycle import EDITABLE, RUNNING, Status
from segmind.ui import access
from segmind.ui.components.badges import channel_text, state_badge
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import campaigns
from segmind.ui.navigation import id_in_url, page
from segmind.ui.views.campaigns import (
    actions,
    composer,
    contest,
    doubts,
    report,
    running,
    scheduled,
)

viewer = access.gate()
say_what_was_done()
try:
    campaign = campaigns.get(id_in_url() or 0)
except UnknownCampaign:
    page_header("Campaign", back=("Campaigns", page("campaigns")))
    empty_state(
        "There is no such campaign",
        "It may have been removed. The list shows what there is.",
        icon="search_off",
        action="All campaigns",
        page=page("campaigns"),
        key="campaign",
    )
    st.stop()

top = page_header(campaign.name, back=("Campaigns", page("campaigns")))
with top:
    actions.show(campaign, viewer)
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    state_badge(campaign.status)
    st.caption(channel_text(campaign.channel), width="content")

if campaign.status in EDITABLE:
    composer.show(campaign, viewer)
elif campaign.status is Status.SCHEDULED:
    scheduled.show(campaign, viewer)
else:
    if campaign.status in RUNNING:
        running.running(campaign, viewer)
        running.ask_to_cancel(campaign)
        doubts.ask(campaign)
        contest.ask(campaign)
    report.report(campaign, viewer)
