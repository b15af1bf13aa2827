"""What can always be done with a campaign."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import EDITABLE
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import campaigns
from segmind.ui.navigation import open_page
from segmind.workspace.permissions import Action


def show(campaign: Campaign, viewer: Viewer) -> None:
    """Copy it; a draft can be thrown away."""
    if st.button(
        "Copy",
        icon=":material/content_copy:",
        disabled=not viewer.may(Action.EDIT_CAMPAIGNS),
        key="cmp_copy",
    ):
        with problems.shown("Copy the campaign"):
            open_page("campaign", id=campaigns.copy(campaign.id).id)
    if campaign.status in EDITABLE and st.button(
        "Discard",
        icon=":material/delete:",
        disabled=not viewer.may(Action.LAUNCH),
        key="cmp_discard",
    ):
        _ask_to_discard(campaign)


def _ask_to_discard(campaign: Campaign) -> None:
    def discard() -> None:
        campaigns.move(campaign.id, "cancel")
        say(f"Discarded “{campaign.name}”")
        open_page("campaigns")

    confirm(
        f"Discard “{campaign.name}”?",
        "It leaves the list and is never sent. Under Done it can still be copied.",
        "Discard the draft",
        discard,
        key="cmp_discard_dialog",
    )
