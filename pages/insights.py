"""Customer insight: who the customers are, whether they come back, and what they will do."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import overview
from segmind.ui.navigation import page
from segmind.ui.views.insights import hours, lapsing, predictions, retention, rfm

access.gate()
page_header("Customer insight")
if not overview.has_events():
    empty_state(
        "No customers to understand yet",
        "RFM groups, retention, predictions and the best hours to send appear as soon as the log "
        "holds orders.",
        icon="psychology",
        action="Import events",
        page=page("data"),
        params={"dat_tab": "Import"},
        key="insights",
    )
    st.stop()
SECTIONS = {
    "RFM groups": rfm.show,
    "Retention": retention.show,
    "Predictions": predictions.show,
    "Lapsing": lapsing.show,
    "Best hour": hours.show,
}
chosen = open_section(SECTIONS, key="ins_tab")
# Below the sections, whose controls take one line or two: the sections stay where they are.
SECTIONS[chosen](st.container(horizontal=True, vertical_alignment="bottom", gap="small"))
