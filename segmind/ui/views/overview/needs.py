"""What waits for a person."""

from __future__ import annotations

import streamlit as st

from segmind.ui.data import overview
from segmind.ui.navigation import page


def show() -> None:
    """One line a thing, with the way to it."""
    with st.container(border=True, height="stretch", key="ov_needs"):
        st.subheader("Needs you", anchor=False)
        found = overview.needs()
        if not found:
            st.markdown(":green[:material/check_circle:] Nothing waits for you.")
        for need in found:
            st.page_link(
                page(need.page),
                label=need.text,
                icon=f":material/{need.icon}:",
                query_params=need.params or None,
            )
