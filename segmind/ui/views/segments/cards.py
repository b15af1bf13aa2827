"""Segments as cards: size, how it went, whom it reaches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.data import segment_time, segments
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
    size = segment.size.size if segment.size else live
    course = segment_time.course(segment)
    change = course.change if course else None
    st.metric(
        "Customers",
        figures.count(size),
        change if change is None else f"{change:+,}" if change else 0,
        delta_color="off",
        delta_description=f"since {figures.day(course.since)}"
        if course and change is not None
        else None,
        chart_data=list(course.sizes) if course and len(course.sizes) > 1 else None,
        chart_type="area",
        help=f"As of {figures.ago(segment.size.as_of, now())}; the line is the size by day, under "
        "the present rule"
        if segment.size
        else "Asked just now",
    )
    if segment.size:
        reach = " · ".join(
            f":material/{CHANNELS[channel][1]}: {figures.count(n)}"
            for channel, n in segment.size.reach.items()
        )
        st.caption(reach, help="Marketing may reach so many: address, consent, no suppression")
