"""Of whom a figure is told: of everybody, or of a segment's members."""

from __future__ import annotations

import streamlit as st

from segmind.ui.data import segments


def among_picker(key: str) -> int | None:
    """Show the choice; the id of a counted segment, None for everybody."""
    known = {each.id: each.name for each in segments.listed() if each.size is not None}
    return st.selectbox(
        "Among",
        [None, *known],
        format_func=lambda number: known.get(number, "all customers"),
        key=key,
        label_visibility="collapsed",
        width=220,
    )
