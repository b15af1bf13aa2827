"""The list of campaigns: one line each, and the dialog for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import RUNNING, Status
from segmind.channels.channel import Channel
from segmind.ui import figures, problems
from segmind.ui.components.badges import channel_text, state_text
from segmind.ui.components.rows import list_row
from segmind.ui.data import campaigns, engagement, revenue, segments, workspace
from segmind.ui.navigation import open_page
from segmind.ui.store import now

_SHOWN: Final = 20


def one_row(campaign: Campaign, *, with_results: bool = True) -> None:
    """A campaign with its state, audience and pace, and with what became of it."""
    zone = workspace.settings().zone
    segment = segments.names().get(campaign.segment_id or 0)
    facts = [channel_text(campaign.channel), f"to {segment}" if segment else "no segment yet"]
    if campaign.status == "scheduled" and campaign.scheduled_at:
        facts.append(f"starts {figures.instant(campaign.scheduled_at, zone)}")
    elif campaign.finished_at or campaign.launched_at:
        at = campaign.finished_at or campaign.launched_at
        facts.append(f"{figures.instant(at, zone)} ({figures.ago(at, now())})")
    else:
        facts.append(f"edited {figures.ago(campaign.updated_at, now())}")
    numbers: list[tuple[str, str]] = []
    if campaign.audience_size is not None:
        numbers.append(("recipients", figures.count(campaign.audience_size)))
    if with_results and campaign.launched_at and campaign.status not in RUNNING:
        settings = workspace.settings()
        earned = revenue.of_source("campaign", campaign.id).revenue
        rate = engagement.click_rates().get(campaign.id)
        numbers.append(("clicked", figures.percent(rate)))
        numbers.append(("revenue", figures.money(earned, settings.currency, compact=True)))
    if campaign.status in RUNNING:
        done = campaigns.progress(campaign.id)
        numbers.append(("done", figures.percent(done.share, 0)))
    badges = [state_text(campaign.status)]
    if campaign.problem:
        badges.append(":red-badge[:material/error: Needs you]")
    list_row(
        "campaign",
        campaign.id,
        campaign.name,
        badges=badges,
        facts=" · ".join(facts),
        figures=numbers,
        key=f"campaign_{campaign.id}",
    )


def was_discarded(campaign: Campaign) -> bool:
    """A draft that was thrown away: nothing of it was ever sent."""
    return campaign.status is Status.CANCELLED and campaign.launched_at is None


def rows(listed: Sequence[Campaign]) -> None:
    """The first of them, and more when asked: a row costs the browser as much as a card."""
    shown = st.session_state.setdefault("cms_shown", _SHOWN)
    for campaign in listed[:shown]:
        one_row(campaign)
    if len(listed) > shown and st.button(
        f"Show {min(_SHOWN, len(listed) - shown)} more",
        icon=":material/expand_more:",
        key="cms_more",
    ):
        st.session_state["cms_shown"] = shown + _SHOWN
        st.rerun()


@st.dialog("New campaign")
def new_campaign(segment_id: int | None = None) -> None:
    """Ask for a name and a channel, make the draft and open it."""
    name = st.text_input("Name", placeholder="Spring early access", key="cms_name")
    channel = st.segmented_control(
        "Channel",
        list(Channel),
        default=Channel.EMAIL,
        required=True,
        format_func=lambda each: each.label,
        key="cms_channel",
    )
    if st.button("Create the draft", type="primary", key="cms_create"):
        with problems.shown("New campaign"):
            made = campaigns.create(name or "", channel or Channel.EMAIL, segment_id)
            open_page("campaign", id=made.id)
