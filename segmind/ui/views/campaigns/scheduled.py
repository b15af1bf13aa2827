"""A campaign that waits for its time."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.components.waterfall_card import waterfall_card
from segmind.ui.data import campaigns, workspace
from segmind.ui.store import now
from segmind.workspace.permissions import Action


def show(campaign: Campaign, viewer: Viewer) -> None:
    """When it starts, and the ways back."""
    zone = workspace.settings().zone
    locked = not viewer.may(Action.LAUNCH)
    with st.container(border=True, key="cmp_scheduled"):
        _countdown(campaign.id)
        st.caption(f"{figures.instant(campaign.scheduled_at, zone)} in {zone.key}")
        with st.container(horizontal=True):
            if st.button("Back to draft", disabled=locked, key="cmp_unschedule"):
                with problems.shown("Take it back"):
                    campaigns.move(campaign.id, "draft")
                    st.rerun()
            if st.button("Start now", disabled=locked, key="cmp_start_now"):
                with problems.shown("Start now"):
                    campaigns.send_now(campaign.id)
                    st.rerun()
            if st.button("Cancel", disabled=locked, key="cmp_cancel_scheduled"):
                confirm(
                    "Cancel this campaign?",
                    "It will not be sent. A copy of it can.",
                    "Cancel the campaign",
                    lambda: campaigns.move(campaign.id, "cancel"),
                    key="cmp_cancel_dialog",
                    done="Campaign cancelled",
                )
    with problems.shown("Draw the audience"):
        found = campaigns.review(campaign.id)
        waterfall_card(
            found.waterfall.as_json() if found.waterfall else None, key="cmp_scheduled_waterfall"
        )


@st.fragment(run_every="2s")
@problems.guarded
def _countdown(campaign_id: int) -> None:
    campaign = campaigns.get(campaign_id)
    if campaign.status != "scheduled":
        st.rerun()
    at = campaign.scheduled_at
    if at and at > now():
        st.markdown(f"**Starts {figures.ago(at, now())}.**")
    else:
        st.markdown("**Starts as soon as the scheduler sees it.**")
        st.caption("This takes a second or two while the scheduler runs.")
