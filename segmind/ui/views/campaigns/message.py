"""Step 2: what it says, beside what somebody real will see."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.variant_test import CONTROL
from segmind.errors import SegmindError
from segmind.templates.check import check
from segmind.templates.template import parse_draft
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.message_editor import edit_message, preview_message, show_findings
from segmind.ui.data import campaigns, persons, workspace
from segmind.ui.views.campaigns.draft import (
    LOOKS_EVERY,
    flush,
    hold,
    is_held,
    is_overdue,
    kept_content,
)
from segmind.workspace.permissions import Action


def show(campaign: Campaign, viewer: Viewer) -> None:
    """The editor on the left, the preview on the right."""
    _step(campaign, viewer)


@st.fragment
@problems.guarded
def _step(campaign: Campaign, viewer: Viewer) -> None:
    left, right = st.columns([1.15, 1])
    with left:
        variant = _variant(campaign)
        key = f"cmp_{campaign.id}" + ("" if variant == CONTROL else f"_{variant}")
        content = edit_message(kept_content(campaign, variant), campaign.channel, key=key)
        _keep(campaign, content, variant, viewer)
        with problems.shown("Look the message over"):
            _findings(content)
    with right:
        _preview(campaign, content, key, viewer, variant)


def _variant(campaign: Campaign) -> str:
    """Which variant is written."""
    if campaign.variant_test is None:
        return CONTROL
    return (
        st.segmented_control(
            "Variant",
            [arm.name for arm in campaign.variant_test.arms],
            default=CONTROL,
            required=True,
            key=f"cmp_{campaign.id}_variant",
            help="A is what the others are compared with. The step Test says who sees which.",
        )
        or CONTROL
    )


def _keep(campaign: Campaign, content: dict[str, Any], variant: str, viewer: Viewer) -> None:
    if not viewer.may(Action.EDIT_CAMPAIGNS):
        return
    hold(campaign, content, variant)
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Keep", icon=":material/save:", disabled=not is_held(campaign), key="cmp_keep"
        )
        st.caption(
            "Kept when you go on, too." if is_held(campaign) else "Everything is kept.",
            width="content",
        )
    if pressed:
        with problems.shown("Keep what was written"):
            flush(campaign, viewer)
            st.rerun()
    if is_held(campaign):
        _keep_soon(campaign, viewer)


@st.fragment(run_every=LOOKS_EVERY)
@problems.guarded
def _keep_soon(campaign: Campaign, viewer: Viewer) -> None:
    """Writes what waits, though nobody types any more."""
    if is_overdue(campaign):
        flush(campaign, viewer)
        st.rerun()


def _findings(content: dict[str, Any]) -> None:
    try:
        draft = parse_draft(content)
    except SegmindError as error:
        problems.tell(error)
        return
    settings = workspace.settings()
    show_findings(check(draft, postal_address=settings.postal_address))


def _preview(
    campaign: Campaign, content: dict[str, Any], key: str, viewer: Viewer, variant: str
) -> None:
    people = persons.persons(campaign.segment_id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Seen as",
            range(len(people)),
            format_func=lambda index: people[index].label if index < len(people) else "",
            key=f"{key}_as",
        )
        st.button(
            ":material/navigate_next:",
            help="The next person",
            key=f"{key}_next",
            on_click=_next_person,
            args=(f"{key}_as", len(people)),
        )
        _test(campaign, key, people[chosen or 0].context, viewer, variant)
    preview_message(
        content,
        people[chosen or 0].context,
        workspace.settings(),
        key=key,
        recipients=_recipients(campaign),
    )


def _recipients(campaign: Campaign) -> int | None:
    if campaign.segment_id is None:
        return None
    try:
        found = campaigns.review(campaign.id).waterfall
    except SegmindError:
        return None
    return found.recipients if found else None


def _next_person(key: str, count: int) -> None:
    st.session_state[key] = (int(st.session_state.get(key) or 0) + 1) % max(1, count)


def _test(
    campaign: Campaign, key: str, context: dict[str, object], viewer: Viewer, variant: str
) -> None:
    with st.popover(
        "Send a test",
        icon=":material/science:",
        disabled=not viewer.may(Action.SEND_MESSAGES),
        key=f"{key}_test",
    ):
        st.caption("To one address, marked [TEST], counted in no figure.")
        address = st.text_input(
            "Address",
            placeholder="you@example.com" if campaign.channel == "email" else "+15005550006",
            key=f"{key}_test_address",
        )
        if st.button("Send", key=f"{key}_test_send", disabled=not address):
            with problems.shown("Send a test"):
                flush(campaign, viewer)
                values = {"cart": context["cart"], "order": context.get("order", {})}
                known = context.get("customer")
                own = known if isinstance(known, dict) else {}
                campaigns.send_test(campaign.id, address or "", {**own, **values}, variant)
                st.success("On its way.", icon=":material/check_circle:")
