"""What all marketing together causes: everybody beside the global holdout."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures
from segmind.ui.components.lift_card import lift_card
from segmind.ui.data import lift, workspace
from segmind.ui.navigation import page


def show(days: int) -> None:
    """Its lift, or how to have one."""
    found = lift.of_everything(days)
    if found is None:
        with st.container(border=True, key="lift_no_global"):
            st.markdown(
                "**There is no global holdout**, so what all marketing together causes is not "
                "known: campaigns' and automations' own holdouts tell of each alone."
            )
            st.page_link(
                page("settings"),
                label="Hold one to five percent of all customers out",
                icon=":material/science:",
            )
        return
    percent = workspace.settings().global_holdout_percent
    st.markdown(
        f"**All marketing together**: {figures.per_cent(percent)} of all customers get no "
        "marketing at all, always the same ones; transactional messages are exempt."
    )
    lift_card(found, key="lift_global")
