"""Composing: audience, message, test, schedule, review. What is typed is kept as its draft."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.sections import open_section
from segmind.ui.views.campaigns import audience, message, plan, review, schedule, seen
from segmind.ui.views.campaigns.draft import flush
from segmind.workspace.permissions import Action

_STEPS: Final[dict[str, Callable[[Campaign, Viewer], None]]] = {
    "Audience": audience.show,
    "Message": message.show,
    "Test": plan.show,
    "Schedule": schedule.show,
    "Review": review.show,
}


def show(campaign: Campaign, viewer: Viewer) -> None:
    """The steps, and the one that is open."""
    if campaign.problem:
        st.warning(campaign.problem, icon=":material/error:")
    if not viewer.may(Action.EDIT_CAMPAIGNS):
        st.caption(f"Your role, {viewer.role}, may look but not change.")
    step = _choose_step()
    if seen.is_behind(campaign, always=step == "Review"):
        seen.ask(campaign, viewer)
        return
    seen.remember(campaign)
    with problems.shown("Keep what was written"):
        campaign = flush(campaign, viewer)
    _STEPS[step](campaign, viewer)


def _choose_step() -> str:
    """The steps beside the way to the next one, where the eye is: the longest step scrolls."""
    left, right = st.columns([2, 1], vertical_alignment="center")
    with left:
        step = open_section(_STEPS, key="cmp_step", label="Step")
    names = list(_STEPS)
    if following := names[names.index(step) + 1 :]:
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                f"Next: {following[0]}",
                icon=":material/arrow_forward:",
                icon_position="right",
                on_click=_open_step,
                args=(following[0],),
                key="cmp_next",
            )
    return step


def _open_step(step: str) -> None:
    st.session_state["cmp_step"] = step
