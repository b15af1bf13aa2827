"""The latest campaigns."""

from __future__ import annotations

import streamlit as st

from segmind.ui.components.empty import empty_state
from segmind.ui.data import campaigns
from segmind.ui.navigation import page
from segmind.ui.views.campaigns.list import one_row


def show() -> None:
    """The four newest, each leading to its page."""
    with st.container(border=True, height="stretch", key="ov_campaigns"):
        st.subheader("Recent campaigns", anchor=False)
        newest = campaigns.newest()[:4]
        if not newest:
            empty_state(
                "No campaigns yet",
                "Send one message to one segment.",
                icon="campaign",
                action="Go to Campaigns",
                page=page("campaigns"),
                key="ov_campaigns",
            )
        for campaign in newest:
            one_row(campaign, with_results=False)
