"""Step 4: when it starts. What is chosen here takes effect at the review."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.data import workspace
from segmind.ui.store import now
from segmind.ui.views.campaigns import seen
from segmind.workspace.permissions import Action

NOW: Final = "As soon as I launch it"
LATER: Final = "At a time"


def show(campaign: Campaign, viewer: Viewer) -> None:
    """Now or at a time, and how fast."""
    settings = workspace.settings()
    own = f"cmp_{campaign.id}"
    locked = not viewer.may(Action.EDIT_CAMPAIGNS)
    with st.container(border=True, width=620):
        when = st.radio(
            "Start",
            [NOW, LATER],
            key=_seed(f"{own}_when", NOW),
            disabled=locked,
            persist_state="session",
        )
        if when == LATER:
            first = now().astimezone(settings.zone).replace(tzinfo=None, second=0, microsecond=0)
            soon = first + timedelta(hours=1, minutes=-first.minute % 15)
            st.datetime_input(
                f"In {settings.timezone}",
                key=_seed(f"{own}_at", soon),
                min_value=first,
                disabled=locked,
                persist_state="session",
            )
        rate = st.number_input(
            "At most so many a second",
            1,
            10_000,
            campaign.rate_per_second,
            placeholder="as fast as the provider takes them",
            key=f"{own}_rate",
            disabled=locked,
        )
    quiet = settings.quiet_hours.get(campaign.channel.value)
    if quiet:
        st.caption(
            f":material/bedtime: Whoever has quiet hours ({quiet.start} to {quiet.end} of their "
            "own time) gets it when they end, unless that is more than a day after the start."
        )
    if rate != campaign.rate_per_second and not locked:
        with problems.shown("Change the campaign"):
            seen.write(campaign, {"rate_per_second": int(rate) if rate else None})


def chosen_start(campaign: Campaign) -> datetime | None:
    """The instant that was chosen, aware; None: as soon as it is launched."""
    own = f"cmp_{campaign.id}"
    held = st.session_state.get(f"{own}_at")
    if st.session_state.get(f"{own}_when") != LATER or not isinstance(held, datetime):
        return None
    return held.replace(tzinfo=workspace.settings().zone)


def start_words(campaign: Campaign) -> str:
    """The start in words."""
    at = chosen_start(campaign)
    zone = workspace.settings().zone
    return f"{figures.instant(at, zone)} ({zone.key})" if at else "as soon as you launch it"


def _seed(key: str, value: object) -> str:
    if key not in st.session_state:
        st.session_state[key] = value
    return key
