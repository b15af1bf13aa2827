"""What is being written, between the keyboard and the campaign's row.

Every keystroke reruns the message step; writing each to the database would fill the audit with
them. So the text waits in the session, and is kept when the step changes, when "Keep" is pressed,
and at the latest after some seconds of typing.
"""

from __future__ import annotations

import time
from typing import Any, Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.templates.template import InvalidDraft, parse_draft
from segmind.ui.access import Viewer
from segmind.ui.data import campaigns
from segmind.workspace.permissions import Action

_SECONDS: Final = 20.0


def hold(campaign: Campaign, content: dict[str, Any]) -> bool:
    """Keep ``content`` in the session; True when it has waited long enough to be written."""
    key = _key(campaign.id)
    if _same(content, campaign.content):
        st.session_state.pop(key, None)
        return False
    waiting = st.session_state.setdefault(key, {"since": time.monotonic()})
    waiting["content"] = content
    return bool(time.monotonic() - waiting["since"] > _SECONDS)


def _same(content: dict[str, Any], kept: dict[str, Any] | None) -> bool:
    """Whether both are one draft: what is left away stands at its default."""
    if kept is None or content == kept:
        return content == kept
    try:
        return parse_draft(content) == parse_draft(kept)
    except InvalidDraft:
        return False


def is_held(campaign: Campaign) -> bool:
    """Whether something written is not in the campaign yet."""
    return _key(campaign.id) in st.session_state


def flush(campaign: Campaign, viewer: Viewer) -> Campaign:
    """Write what waits; returns the campaign as it is then. Raises InvalidCampaign."""
    waiting = st.session_state.get(_key(campaign.id))
    if not waiting or not viewer.may(Action.EDIT_CAMPAIGNS):
        return campaign
    changed = campaigns.update(campaign.id, {"content": waiting["content"]})
    del st.session_state[_key(campaign.id)]
    return changed


def _key(campaign_id: int) -> str:
    return f"cmp_{campaign_id}_waiting"
