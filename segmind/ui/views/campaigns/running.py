"""A campaign on its way: how far, how fast, what waits, and the brake."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import FINAL, RUNNING, Status
from segmind.campaigns.pace import Eta
from segmind.campaigns.progress import Progress
from segmind.messages.lifecycle import State
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import state_badge
from segmind.ui.components.confirm import confirm
from segmind.ui.data import campaigns, workspace
from segmind.ui.store import now
from segmind.ui.views.campaigns import doubts
from segmind.workspace.permissions import Action


def running(campaign: Campaign, viewer: Viewer) -> None:
    """The card of a running campaign; asks again every second while anything moves."""
    moving = campaign.status in {Status.LAUNCHING, Status.SENDING}
    st.fragment(_card, run_every="1s" if moving else None)(campaign.id, campaign.status, viewer)


@problems.guarded
def _card(campaign_id: int, shown: Status, viewer: Viewer) -> None:
    campaign = campaigns.get(campaign_id)
    if campaign.status is not shown:
        st.rerun()  # the page around this card shows the former state
    at = campaigns.progress(campaign_id)
    eta = campaigns.eta(campaign_id)
    with st.container(border=True, key="cmp_running"):
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(campaign.status)
            st.markdown(_sentence(at, eta, campaign), width="stretch")
            _brakes(campaign, viewer)
        if campaign.problem:
            st.warning(campaign.problem, icon=":material/error:")
        st.progress(
            at.share, text=f"{figures.count(at.settled)} of {figures.count(at.audience)} settled"
        )
        _states(at)
        if at.in_doubt:
            doubts.show(campaign, at.in_doubt, viewer)


def _sentence(at: Progress, eta: Eta, campaign: Campaign) -> str:
    if at.status is Status.LAUNCHING:
        return f"Preparing: {figures.plural(at.enqueued, 'message')} queued."
    if at.status is Status.PAUSED:
        return "Nothing leaves until you resume."
    if campaign.variant_test and not campaign.winner and at.settled >= at.enqueued:
        rest = at.audience - at.enqueued
        return f"The test is out; {figures.plural(rest, 'customer')} wait for its winner."
    if at.rate:
        left = f", the last one leaves {_soon(eta.at)}" if eta.at else ""
        return f"{figures.plural(round(at.rate), 'message')} a second{left}{_limited(eta)}."
    if eta.at and at.states.get(State.READY, 0):
        return f"The last one leaves {_soon(eta.at)}{_limited(eta)}."
    zone = workspace.settings().zone
    if at.states.get(State.RETRY, 0) and at.states[State.RETRY] + at.settled >= at.enqueued:
        return "The rest waits for quiet hours to end, or for another try."
    return f"Waiting for its turn ({figures.clock_time(now(), zone)})."


def _soon(at: datetime) -> str:
    """A moment that comes; of the next seconds nobody needs the number."""
    left = at - now()
    return "within seconds" if left < timedelta(seconds=10) else f"in {figures.span(left)}"


def _limited(eta: Eta) -> str:
    if eta.by != "limit" or not eta.per_second:
        return ""
    return f", as the sender's limit of {figures.short(eta.per_second)} {eta.unit} a second allows"


def _states(at: Progress) -> None:
    order = [State.ACCEPTED, State.READY, State.RETRY, State.CLAIMED, State.DISPATCHING]
    order += [State.IN_DOUBT, State.SKIPPED, State.FAILED, State.EXPIRED]
    held = [(state.label, n) for state in order if (n := at.states.get(state, 0))]
    if held:
        st.caption(" · ".join(f"{label}: **{figures.count(n)}**" for label, n in held))


def _brakes(campaign: Campaign, viewer: Viewer) -> None:
    locked = not viewer.may(Action.LAUNCH)
    if campaign.status in {Status.LAUNCHING, Status.SENDING}:
        if st.button("Pause", icon=":material/pause:", disabled=locked, key="cmp_pause"):
            with problems.shown("Pause"):
                campaigns.move(campaign.id, "pause")
                st.rerun()
    elif campaign.status is Status.PAUSED and st.button(
        "Resume", type="primary", icon=":material/play_arrow:", disabled=locked, key="cmp_resume"
    ):
        with problems.shown("Resume"):
            campaigns.move(campaign.id, "resume")
            st.rerun()
    if campaign.status in RUNNING and st.button(
        "Cancel", icon=":material/stop:", disabled=locked, key="cmp_cancel"
    ):
        st.session_state["cmp_ask_cancel"] = campaign.id
        st.rerun()


def ask_to_cancel(campaign: Campaign) -> None:
    """The dialog for cancelling, when it was asked for (dialogs open from the page, not a card)."""
    if st.session_state.pop("cmp_ask_cancel", None) == campaign.id:
        if campaign.status in FINAL:
            return
        confirm(
            "Cancel this campaign?",
            "What was handed to the provider cannot be called back. Nothing more will leave, "
            "and the campaign cannot be started again.",
            "Cancel the campaign",
            lambda: campaigns.move(campaign.id, "cancel"),
            key="cmp_cancel_dialog",
            done="Campaign cancelled",
        )
