"""One segment: its rule with a live count, who is in it and why, and how its size went."""

import streamlit as st

from segmind.errors import NotFound
from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import segments
from segmind.ui.navigation import id_in_url, page
from segmind.ui.views.segments import actions, archived, editor, history, members, movements

viewer = access.gate()
say_what_was_done()
number = id_in_url()
segment = None
if number is not None or "id" in st.query_params:
    try:
        segment = segments.get(number or 0)
    except NotFound:
        page_header("Segment", back=("Segments", page("segments")))
        empty_state(
            "There is no such segment",
            "It may have been removed. The list shows what there is.",
            icon="search_off",
            action="All segments",
            page=page("segments"),
            key="segment",
        )
        st.stop()

top = page_header(segment.name if segment else "New segment", back=("Segments", page("segments")))
if segment is None:
    editor.show(None, viewer)
    st.stop()

with top:
    actions.show(segment, viewer)
if segment.archived:
    archived.notice(segment, viewer)
SECTIONS = {
    "Rule": editor.show,
    "Members": members.show,
    "Movements": movements.show,
    "History": history.show,
}
SECTIONS[open_section(SECTIONS, key="seg_tab")](segment, viewer)
