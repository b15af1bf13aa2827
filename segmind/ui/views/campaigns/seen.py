"""What this tab has seen of a draft: nobody's change is overwritten by a tab that has not seen it.

A draft is written as it is typed, each choice for itself. So each tab keeps what it saw of the
draft; where the draft is another one by then, the steps are not shown, since their inputs would
write what they still hold, before somebody has decided whose goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import EDITABLE
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.data import campaigns
from segmind.ui.views.campaigns import changes
from segmind.workspace.permissions import Action

#: What belongs to the session beside the inputs of the steps.
_NO_INPUTS: Final = ("_seen", "_waiting", "_when", "_at")


def is_behind(campaign: Campaign, *, always: bool) -> bool:
    """Whether this tab is in the middle of a draft that somebody changed since.

    A tab that shows no input of it has nothing to lose and goes on with the present one, unless
    ``always``: what is to be launched is what was seen.
    """
    seen = _seen(campaign.id)
    if seen is None or not changes.fields(seen, campaign):
        return False
    return (
        always
        or any(
            str(each).startswith(f"cmp_{campaign.id}_") and not str(each).endswith(_NO_INPUTS)
            for each in st.session_state
        )
        or _is_held(campaign.id)
    )


def remember(campaign: Campaign) -> None:
    """This tab sees the draft as it is now."""
    st.session_state[_key(campaign.id)] = campaign


def write(campaign: Campaign, change: Mapping[str, Any]) -> Campaign:
    """Change a draft that is as this tab saw it; else the page asks whose goes on.

    Raises InvalidCampaign, NotEditable.
    """
    seen = _seen(campaign.id) or campaign
    try:
        written = campaigns.update(campaign.id, change, seen)
    except campaigns.ChangedSince:
        st.rerun()
    # Only what was written: whatever else somebody changed meanwhile has not been seen yet.
    now = {field: getattr(written, field) for field in change}
    st.session_state[_key(campaign.id)] = replace(seen, **now)
    return written


def ask(campaign: Campaign, viewer: Viewer) -> None:
    """Say who changed what, and ask whose goes on."""
    seen = _seen(campaign.id) or campaign
    # Until it is decided, though the inputs are gone.
    st.session_state[_asked(campaign.id)] = True
    with st.container(border=True, key=f"cmp_{campaign.id}_behind"):
        who = changes.by(campaign, viewer)
        st.markdown(f":orange[:material/group: **This draft was changed{who} meanwhile.**]")
        st.markdown("\n".join(f"- {each}" for each in changes.said(seen, campaign)))
        if _is_held(campaign.id):
            st.caption("What you wrote last is not in the draft yet: keeping yours puts it in.")
        with st.container(horizontal=True):
            st.button(
                "Load theirs",
                help="What you wrote and was not kept yet is thrown away",
                on_click=_load,
                args=(campaign,),
                key="cmp_theirs",
            )
            if st.button(
                "Keep mine",
                help="Puts back what you saw, for all that is listed here",
                disabled=not viewer.may(Action.EDIT_CAMPAIGNS) or campaign.status not in EDITABLE,
                key="cmp_mine",
            ):
                with problems.shown("Keep yours"):
                    _put_back(campaign, seen)
                    say("Yours goes on.")
                    st.rerun()


def _load(campaign: Campaign) -> None:
    prefix = f"cmp_{campaign.id}_"
    for name in [each for each in st.session_state if str(each).startswith(prefix)]:
        del st.session_state[name]


def _put_back(campaign: Campaign, seen: Campaign) -> None:
    mine = {field: getattr(seen, field) for field in changes.fields(seen, campaign)}
    try:
        remember(campaigns.update(campaign.id, mine, campaign))
        del st.session_state[_asked(campaign.id)]
    except campaigns.ChangedSince:
        st.rerun()  # once more, in this moment: the page says what it is now


def _seen(campaign_id: int) -> Campaign | None:
    found = st.session_state.get(_key(campaign_id))
    return found if isinstance(found, Campaign) else None


def _is_held(campaign_id: int) -> bool:
    return any(
        str(each).startswith(f"cmp_{campaign_id}_") and str(each).endswith("_waiting")
        for each in st.session_state
    )


def _asked(campaign_id: int) -> str:
    return f"cmp_{campaign_id}_asked"


def _key(campaign_id: int) -> str:
    return f"cmp_{campaign_id}_seen"
