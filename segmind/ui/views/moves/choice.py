"""Which segments are compared."""

from __future__ import annotations

from typing import Final

import streamlit as st

from segmind.ui.data import segments

#: More than these make no table that can be read.
_MOST: Final = 12
_FIRST: Final = 6


def chosen_segments(key: str, help_text: str) -> list[int]:
    """Show the choice; returns ids in the order in which they were chosen."""
    known = {each.id: each.name for each in segments.listed()}
    return st.multiselect(
        "Segments",
        list(known),
        default=list(known)[:_FIRST],
        format_func=lambda number: known.get(number, f"Segment {number}"),
        max_selections=_MOST,
        key=key,
        help=help_text,
    )
