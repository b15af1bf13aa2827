"""What is being written, between the keyboard and the campaign's row.

Every keystroke reruns the message step; writing each to the database would fill the audit with
them. So the text waits in the session, and is kept when the step changes, when "Keep" is pressed,
and some seconds after the first keystroke, typed on or not: a reload then loses no more than
that. Each variant of a test waits for itself.
"""

from __future__ import annotations

import time
from typing import Any, Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.variant_test import CONTROL, NAMES
from segmind.templates.template import InvalidDraft, parse_draft
from segmind.ui.access import Viewer
from segmind.ui.views.campaigns import seen
from segmind.workspace.permissions import Action

#: Seconds that a text waits, and how often a page on which nobody types any more looks at it.
_SECONDS: Final = 6.0
LOOKS_EVERY: Final = 3.0


def kept_content(campaign: Campaign, variant: str = CONTROL) -> dict[str, Any] | None:
    """What the campaign's row has of a variant; without a test all is the control's."""
    if variant == CONTROL or campaign.variant_test is None:
        return campaign.content
    return campaign.variant_test.contents.get(variant) or None


def hold(campaign: Campaign, content: dict[str, Any], variant: str = CONTROL) -> None:
    """Keep ``content`` in the session."""
    key = _key(campaign.id, variant)
    if _same(content, kept_content(campaign, variant)):
        st.session_state.pop(key, None)
        return
    waiting = st.session_state.setdefault(key, {"since": time.monotonic()})
    waiting["content"] = content


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
    return any(_key(campaign.id, name) in st.session_state for name in NAMES)


def is_overdue(campaign: Campaign) -> bool:
    """Whether something has waited long enough to be written."""
    waiting = (st.session_state.get(_key(campaign.id, name)) for name in NAMES)
    return any(time.monotonic() - each["since"] > _SECONDS for each in waiting if each)


def flush(campaign: Campaign, viewer: Viewer) -> Campaign:
    """Write what waits; returns the campaign as it is then. Raises InvalidCampaign."""
    if not viewer.may(Action.EDIT_CAMPAIGNS):
        return campaign
    for name in NAMES:
        if waiting := st.session_state.get(_key(campaign.id, name)):
            campaign = _write(campaign, name, waiting["content"])
            del st.session_state[_key(campaign.id, name)]
    return campaign


def _write(campaign: Campaign, variant: str, content: dict[str, Any]) -> Campaign:
    if variant == CONTROL:
        return seen.write(campaign, {"content": content})
    test = campaign.variant_test
    if test is None or variant not in test.contents:
        return campaign  # it was taken out of the test meanwhile
    return seen.write(campaign, {"variant_test": test.with_content(variant, content)})


def _key(campaign_id: int, variant: str) -> str:
    return f"cmp_{campaign_id}_{variant}_waiting"
