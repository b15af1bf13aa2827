"""The first lines of a page: its title, its facts, and the actions on the right."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def page_header(
    title: str, facts: str = "", *, back: tuple[str, Any] | None = None
) -> DeltaGenerator:
    """Show the title with a line of facts; returns the container for actions on its right."""
    if back is not None:
        st.page_link(back[1], label=back[0], icon=":material/arrow_back:")
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        st.title(title, anchor=False, width="content")
        actions = st.container(
            horizontal=True,
            width="content",
            horizontal_alignment="right",
            vertical_alignment="bottom",
        )
    if facts:
        st.caption(facts)
    return actions
