"""A campaign's messages in doubt: what that means, and what a person can decide."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.events.schema import Source
from segmind.messages.sources import SourceKey
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import messages
from segmind.ui.navigation import page
from segmind.workspace.permissions import Action


def show(campaign: Campaign, count: int, viewer: Viewer) -> None:
    """How many, and the three ways out."""
    locked = not viewer.may(Action.LAUNCH)
    said = "is" if count == 1 else "are"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="cmp_doubts"):
        st.markdown(
            f":material/help: **{figures.plural(count, 'message')} {said} in doubt**: the provider "
            "was called and nobody knows whether it has them. Receipts and look-ups settle most.",
            width="stretch",
        )
        if st.button("Reconcile now", disabled=locked, key="cmp_doubt_ask"):
            with problems.shown("Reconcile"):
                report = messages.ask_about_doubts(_source(campaign))
                say(
                    f"{report.accepted} proved sent, {report.again} proved unsent and sent again, "
                    f"{report.waiting} wait for evidence"
                )
                st.rerun()
        for act, label in (("mark", "Mark sent"), ("resend", "Resend")):
            if st.button(label, disabled=locked, key=f"cmp_doubt_{act}"):
                st.session_state["cmp_ask_doubt"] = (campaign.id, act, count)
                st.rerun()
        st.page_link(
            page("messages"),
            label="Show them",
            query_params={"campaign": str(campaign.id), "msg_status": "In doubt"},
        )


def ask(campaign: Campaign) -> None:
    """The dialog of a decision that was asked for (dialogs open from the page, not a card)."""
    number, act, count = st.session_state.pop("cmp_ask_doubt", (None, "", 0))
    if number != campaign.id:
        return
    many = figures.plural(count, "message")
    if act == "mark":
        confirm(
            f"Mark {many} as sent?",
            "They count as accepted by the provider and are not sent again.",
            "Mark as sent",
            lambda: messages.mark_sent(_source(campaign)),
            key="cmp_mark_dialog",
            done="Marked as sent",
        )
    else:
        confirm(
            f"Send {many} again?",
            "Nobody knows whether the provider has them: some customers may get the message twice.",
            "Send again",
            lambda: messages.resend(_source(campaign)),
            key="cmp_resend_dialog",
            typed=str(count),
            done="They are sent again",
        )


def _source(campaign: Campaign) -> SourceKey:
    return SourceKey(int(Source.CAMPAIGN), campaign.id)
