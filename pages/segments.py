"""Segments: groups of customers by rule."""

import streamlit as st

from segmind.ui import access, problems
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import segments
from segmind.ui.escaped import escaped
from segmind.ui.navigation import open_page
from segmind.ui.views.segments.archived import archived_rows
from segmind.ui.views.segments.cards import segment_cards
from segmind.workspace.permissions import Action

viewer = access.gate()
say_what_was_done()
actions = page_header(
    "Segments", "A segment is a rule. Its members are counted anew every few minutes."
)
with actions:
    if st.button(
        "New segment",
        type="primary",
        icon=":material/add:",
        disabled=not viewer.may(Action.EDIT_SEGMENTS),
        key="sgs_new",
    ):
        open_page("segment")

everything, archived = segments.listed(), segments.archived()
if not everything and not archived:
    if empty_state(
        "No segments yet",
        "Six built-in segments are a good start: window shoppers, cart abandoners, loyal "
        "customers and more. Each is an ordinary rule that you can change.",
        icon="filter_alt",
        action="Add the built-in segments",
        key="segments",
    ):
        with problems.shown("Add the built-in segments"):
            segments.ensure_built_ins()
            st.rerun()
    st.stop()

shows_archived = open_section(("In use", "Archived"), key="sgs_show") == "Archived"
sought = st.text_input(
    "Find a segment",
    type="search",
    live=True,
    placeholder="Find a segment by name",
    icon=":material/search:",
    label_visibility="collapsed",
    key="sgs_find",
    bind="query-params",
)
listed = archived if shows_archived else everything
found = [each for each in listed if (sought or "").lower() in each.name.lower()]
if sought and not found:
    st.caption(f"No segment {'here ' if archived else ''}is called “{escaped(sought)}”.")
elif not found:
    empty_state(
        "Nothing is archived" if shows_archived else "Every segment is archived",
        "What you archive on a segment's page, under More, can be brought back here."
        if shows_archived
        else "Bring one back under Archived, or make a new one.",
        icon="inventory_2",
        key="segments_shelf",
    )
if shows_archived:
    archived_rows(found, viewer)
else:
    segment_cards(found)
