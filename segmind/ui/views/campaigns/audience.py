"""Step 1: who should get it, who not, and who is held out."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.channels.channel import Channel
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.waterfall_card import waterfall_card
from segmind.ui.data import campaigns, segments, workspace
from segmind.ui.views.campaigns import seen, sizing
from segmind.workspace.permissions import Action


def show(campaign: Campaign, viewer: Viewer) -> None:
    """The choices on the left, who remains on the right."""
    locked = not viewer.may(Action.EDIT_CAMPAIGNS)
    left, right = st.columns([1, 1.25])
    with left:
        changes = _choices(campaign, locked)
    changed = {k: v for k, v in changes.items() if v != _present(campaign, k)}
    if changed and not locked:
        with problems.shown("Change the campaign"):
            campaign = seen.write(campaign, changed)
    with right:
        if campaign.segment_id is None:
            waterfall_card(None, key="cmp_waterfall")
            return
        with problems.shown("Draw the audience"):
            _who_remains(campaign)


def _choices(campaign: Campaign, locked: bool) -> dict[str, Any]:
    own = f"cmp_{campaign.id}"
    known = {each.id: each.name for each in segments.listed()}
    if campaign.segment_id and campaign.segment_id not in known:
        known[campaign.segment_id] = segments.names().get(campaign.segment_id, "Archived segment")
    name = st.text_input("Name", campaign.name, key=f"{own}_name", disabled=locked)
    channel = st.segmented_control(
        "Channel",
        list(Channel),
        default=campaign.channel,
        required=True,
        format_func=lambda each: each.label,
        key=f"{own}_channel",
        disabled=locked,
    )
    options: list[int] = list(known)
    segment = st.selectbox(
        "Send to",
        options,
        index=options.index(campaign.segment_id) if campaign.segment_id else None,
        format_func=lambda number: known.get(number, f"Segment {number}"),
        placeholder="Choose a segment",
        key=f"{own}_segment",
        disabled=locked,
    )
    excluded = st.multiselect(
        "Do not send to",
        [number for number in options if number != segment],
        default=[n for n in campaign.exclude_segment_ids if n in known and n != segment],
        format_func=lambda number: known.get(number, f"Segment {number}"),
        placeholder="Nobody is left out",
        key=f"{own}_excluded",
        disabled=locked,
    )
    holdout = st.slider(
        "Hold out",
        0.0,
        50.0,
        float(campaign.holdout_percent),
        step=0.5,
        format="%g%%",
        key=f"{own}_holdout",
        disabled=locked,
        help="So many of those who could receive it get nothing on purpose, drawn by chance, so "
        "that the difference can be measured. Zero measures nothing.",
    )
    _limits(channel or campaign.channel)
    return {
        "name": (name or "").strip() or campaign.name,
        "channel": channel or campaign.channel,
        "segment_id": segment,
        "exclude_segment_ids": sorted(excluded),
        "holdout_percent": holdout,
    }


def _present(campaign: Campaign, field: str) -> Any:
    value = getattr(campaign, field)
    return sorted(value) if field == "exclude_segment_ids" else value


def _limits(channel: Channel) -> None:
    settings = workspace.settings()
    said = []
    if cap := settings.caps.get(channel.value):
        said.append(f"at most {cap.per_day} a day and {cap.per_week} a week for one customer")
    if quiet := settings.quiet_hours.get(channel.value):
        said.append(f"not between {quiet.start} and {quiet.end} of their own time")
    if said:
        st.caption(f"{channel.label}: {', '.join(said)}. See Settings, Sending.")


def _who_remains(campaign: Campaign) -> None:
    found = campaigns.review(campaign.id)
    if found.waterfall is None:
        for finding in found.problems[:2]:
            st.warning(f"{finding.message} {finding.hint}", icon=":material/info:")
        return
    waterfall_card(found.waterfall.as_json(), key="cmp_waterfall")
    zone = workspace.settings().zone
    st.caption(
        f"As of {figures.clock_time(found.as_of, zone)}. The audience is drawn anew when the "
        "campaign starts."
    )
    if found.sizing is not None:
        st.markdown(sizing.of_holdout(found.sizing.holdout))
