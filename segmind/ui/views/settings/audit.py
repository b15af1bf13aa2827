"""Who did what, newest first."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.data import workspace as data
from segmind.workspace.permissions import Action


def show(viewer: Viewer) -> None:
    """The newest acts, and the way to older ones."""
    if not viewer.may(Action.READ_AUDIT):
        st.info("Owners and admins read the audit.", icon=":material/visibility_off:")
        return
    before = st.session_state.get("set_audit_before")
    entries = data.audit_entries(before)
    if not entries:
        st.caption("Nothing was done yet.")
        return
    zone = data.settings().zone
    st.dataframe(
        {
            "When": [figures.instant(entry.at, zone) for entry in entries],
            "Who": [entry.actor for entry in entries],
            "Did": [entry.action for entry in entries],
            "To": [entry.subject for entry in entries],
            "Details": [str(entry.detail or "") for entry in entries],
        },
        hide_index=True,
        alt="Audit entries",
    )
    with st.container(horizontal=True):
        if before and st.button("Newest", key="set_audit_newest"):
            del st.session_state["set_audit_before"]
            st.rerun()
        if len(entries) == 50 and st.button("Older", key="set_audit_older"):
            st.session_state["set_audit_before"] = entries[-1].id
            st.rerun()
