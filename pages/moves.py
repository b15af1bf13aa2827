"""Segments beside each other: who moved from one to another, and what they have in common."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import segments
from segmind.ui.navigation import page
from segmind.ui.views.moves import migration, overlap

access.gate()
page_header("Segment moves", "From segment to segment between two days, and who is in several.")
if not segments.listed():
    empty_state(
        "No segments to compare",
        "Six built-in segments are a good start; then this page shows how customers move.",
        icon="sync_alt",
        action="To the segments",
        page=page("segments"),
        key="moves",
    )
    st.stop()
SECTIONS = {"Moves": migration.show, "Overlap": overlap.show}
SECTIONS[open_section(SECTIONS, key="mvs_tab")]()
