"""A length of time as a number and a unit."""

from __future__ import annotations

from typing import Final

import streamlit as st

from segmind.automations.steps import LONGEST_WAIT_SECONDS
from segmind.ui.components.rule_builder import inputs

UNITS: Final = {"minutes": 60, "hours": 3_600, "days": 86_400}


def edit(label: str, seconds: int, *, key: str) -> int:
    """The length in seconds, from a minute to a year."""
    unit = next((u for u in reversed(UNITS) if seconds % UNITS[u] == 0), "minutes")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        chosen = st.session_state.get(f"{key}_unit", unit)
        amount = st.number_input(
            label,
            1,
            LONGEST_WAIT_SECONDS // UNITS[chosen],
            key=inputs.seeded(f"{key}_n", max(1, seconds // UNITS[unit])),
            width=150,
        )
        picked = st.selectbox(
            "Unit",
            list(UNITS),
            key=inputs.seeded(f"{key}_unit", unit),
            label_visibility="collapsed",
            width=130,
        )
    return min(LONGEST_WAIT_SECONDS, int(amount) * UNITS[picked])
