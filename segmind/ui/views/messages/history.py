"""Everything that happened to a message, in order of time."""

from __future__ import annotations

import streamlit as st

from segmind.messages.queries import MessageHistory
from segmind.ui.data import workspace
from segmind.ui.escaped import escaped

_ICONS = {
    "created": "add_circle",
    "attempt": "outbox",
    "state": "flag",
    "receipt": "mark_email_read",
}


def show(history: MessageHistory) -> None:
    """One line for each thing, with the provider's words and what its code means."""
    zone = workspace.settings().zone
    with st.container(border=True, key="msg_history"):
        st.subheader(
            "What happened",
            anchor=False,
            help=f"Times are in {zone.key}. What the provider reports is shown in its own words, "
            "with what the code means.",
        )
        for entry in history.entries:
            icon = _ICONS.get(entry.kind, "circle")
            machine = " :gray-badge[machine]" if entry.machine else ""
            st.markdown(f":material/{icon}: **{escaped(entry.said)}**{machine}")
            about = [f"{entry.at.astimezone(zone):%-d %b %Y %H:%M:%S}"]
            about += [escaped(part) for part in (entry.detail, entry.meaning) if part]
            st.caption(" · ".join(about))
