"""What customers wrote back in words of their own."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.header import page_header
from segmind.ui.views.replies import queue

viewer = access.gate()
say_what_was_done()
page_header("Replies", "What customers wrote back, and whether it is a no")
chosen = st.segmented_control(
    "Which",
    ["To read", "Decided"],
    default="To read",
    required=True,
    key="rpl_tab",
    bind="query-params",
    label_visibility="collapsed",
)
if chosen == "Decided":
    queue.decided()
else:
    queue.waiting(viewer)
