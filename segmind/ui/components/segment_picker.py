"""Whose messages a page tells of, kept in its address so that a view can be shared."""

from __future__ import annotations

import streamlit as st

from segmind.ui.data import segments

_EVERYBODY = "Everybody"


def segment_picker(key: str) -> int | None:
    """Show the choice, kept in the address under ``key`` by the segment's name. None: everybody."""
    named = {segment.name: segment.id for segment in segments.listed()}
    chosen = st.selectbox(
        "Segment",
        [_EVERYBODY, *named],
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        help="Only messages to the present members of a segment.",
        width=190,
    )
    return named.get(chosen or _EVERYBODY)
