"""What can always be done with a campaign."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.data import campaigns
from segmind.ui.navigation import open_page
from segmind.workspace.permissions import Action


def show(campaign: Campaign, viewer: Viewer) -> None:
    """Copy it."""
    if st.button(
        "Copy",
        icon=":material/content_copy:",
        disabled=not viewer.may(Action.EDIT_CAMPAIGNS),
        key="cmp_copy",
    ):
        with problems.shown("Copy the campaign"):
            open_page("campaign", id=campaigns.copy(campaign.id).id)
