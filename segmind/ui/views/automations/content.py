"""Writing what a send step sends."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import Send
from segmind.channels.channel import Channel
from segmind.templates.check import check
from segmind.templates.template import parse_draft
from segmind.ui import problems
from segmind.ui.components.confirm import say
from segmind.ui.components.message_editor import edit_message, preview_message, show_findings
from segmind.ui.data import automations, persons, workspace
from segmind.ui.views.automations.change import changed


@st.fragment
@problems.guarded
def edit(automation: Automation, step: Send) -> None:
    """The editor with its preview; saving makes a new version of the automation."""
    key = f"aut_{automation.id}_{step.id}"
    left, right = st.columns([1.15, 1])
    with left:
        content = edit_message(automations.content_of(step), Channel(step.channel), key=key)
        with st.container(horizontal=True):
            saved = st.button("Save a new version", type="primary", key=f"{key}_save")
            closed = st.button("Close", key=f"{key}_close")
        with problems.shown("Look the message over"):
            address = workspace.settings().postal_address
            show_findings(check(parse_draft(content), postal_address=address))
    with right:
        people = persons.persons(None)
        preview_message(content, people[0].context, workspace.settings(), key=key)
    if saved:
        with problems.shown("Save the message"):
            values = {"content": content, "template_version_id": None}
            automations.update(
                automation.id, definition=changed(automation.definition, step.id, values)
            )
            st.session_state.pop("aut_editing", None)
            say("Saved. People in flight finish the version that they began with.")
            st.rerun()
    if closed:
        st.session_state.pop("aut_editing", None)
        st.rerun()
