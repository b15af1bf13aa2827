"""Data: the event log, imports, jobs, and the product's clock."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.header import page_header
from segmind.ui.views.data import clock, health, imports, jobs

viewer = access.gate()
say_what_was_done()
page_header("Data", "One log for what customers do and what happens to messages.")

SECTIONS = {
    "Log": health.show,
    "Import": imports.show,
    "Jobs": jobs.show,
    "Clock": clock.show,
}
chosen = st.segmented_control(
    "Section",
    list(SECTIONS),
    default="Log",
    required=True,
    key="dat_tab",
    bind="query-params",
    label_visibility="collapsed",
)
SECTIONS[chosen or "Log"](viewer)
