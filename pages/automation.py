"""One automation: its steps with what happened at each, its picture, its runs, its versions."""

import streamlit as st

from segmind.automations.automation import UnknownAutomation
from segmind.ui import access
from segmind.ui.components.badges import state_badge
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import automations
from segmind.ui.navigation import id_in_url, page
from segmind.ui.views.automations import (
    actions,
    backtest,
    figures_row,
    lift,
    runs,
    simulate,
    steps,
    switch,
    versions,
)

viewer = access.gate()
say_what_was_done()
try:
    automation = automations.get(id_in_url() or 0)
except UnknownAutomation:
    page_header("Automation", back=("Automations", page("automations")))
    empty_state(
        "There is no such automation",
        "It may have been removed. The list shows what there is.",
        icon="search_off",
        action="All automations",
        page=page("automations"),
        key="automation",
    )
    st.stop()

top = page_header(automation.name, back=("Automations", page("automations")))
with top:
    actions.show(automation, viewer)
    switch.show(automation, viewer)
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    state_badge(automation.state)
    st.caption(f"Version {automation.version}", width="content")
figures_row.show(automation)

SECTIONS = {
    "Steps": steps.show,
    "Back-test": backtest.show,
    "Simulate": simulate.show,
    "Runs": runs.show,
    "Lift": lift.show,
    "Versions": versions.show,
}
SECTIONS[open_section(SECTIONS, key="aut_tab")](automation, viewer)
