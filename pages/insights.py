"""Customer insight: who the customers are, whether they come back, and what they will do."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import overview
from segmind.ui.navigation import page
from segmind.ui.views.insights import hours, lapsing, predictions, retention, rfm

access.gate()
actions = page_header("Customer insight")
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
chosen = st.segmented_control(
    "Section",
    list(SECTIONS),
    default="RFM groups",
    required=True,
    key="ins_tab",
    bind="query-params",
    label_visibility="collapsed",
)
SECTIONS[chosen or "RFM groups"](actions)
