"""Segments as cards: size, how it went, whom it reaches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.data import segments
from segmind.ui.navigation import page
from segmind.ui.store import now


def segment_cards(listed: Sequence[Segment]) -> None:
    """One card a segment, three in a row where there is room."""
    live = segments.uncounted_sizes()
    with st.grid(3, min_column_width=290):
        for segment in listed:
            with st.container(border=True, height="stretch", key=f"segment_{segment.id}"):
                _card(segment, live.get(segment.id))


def _card(segment: Segment, live: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.page_link(
            page("segment"), label=f"**{segment.name}**", query_params={"id": str(segment.id)}
        )
        if segment.is_built_in:
            st.badge("Built-in", color="gray")
    st.caption(segment.description or segments.describes(segment.rule))
    st.space("stretch")
    past = segments.history(segment.id)
    size = segment.size.size if segment.size else live
    week = [each for each in past if (now() - each.as_of).days <= 7]
    change = size - week[0].size if size is not None and len(week) > 1 else None
    st.metric(
        "Customers",
        figures.count(size),
        change if change is None else f"{change:+,}" if change else 0,
        delta_color="off",
        delta_description="in 7 days" if change is not None else None,
        chart_data=[each.size for each in past] if len(past) > 1 else None,
        chart_type="area",
        help=f"As of {figures.ago(segment.size.as_of, now())}"
        if segment.size
        else "Asked just now",
    )
    if segment.size:
        reach = " · ".join(
            f":material/{CHANNELS[channel][1]}: {figures.count(n)}"
            for channel, n in segment.size.reach.items()
        )
        st.caption(reach, help="Marketing may reach so many: address, consent, no suppression")
