"""What a customer did and got, newest first."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

import streamlit as st

from segmind.customers.profile import Profile
from segmind.ui.components.empty import empty_state
from segmind.ui.data import customers, workspace
from segmind.ui.views.event_line import event_line


def show(person: Profile) -> None:
    """A page of events by day, and the way to older ones."""
    held = st.session_state.get("cst_until")
    until = held[1] if held and held[0] == person.customer.id else None
    rows = customers.events(person.customer.id, until)
    if not rows:
        empty_state(
            "Nothing in the log",
            "What they do and what messages they get shows here.",
            icon="timeline",
            key="timeline",
        )
        return
    zone = workspace.settings().zone
    with st.container(border=True, key="cst_timeline"):
        days = groupby(rows, key=lambda row: row["ts"].astimezone(zone).date())
        for day, events in days:
            st.caption(f"**{day:%A, %-d %B %Y}**")
            st.markdown(
                "  \n".join(
                    f":gray[{row['ts'].astimezone(zone):%H:%M}] {event_line(row)}" for row in events
                )
            )
    with st.container(horizontal=True):
        if until and st.button("Newest", key="cst_newest"):
            st.session_state.pop("cst_until", None)
            st.rerun()
        if len(rows) >= 40 and st.button("Older", icon=":material/history:", key="cst_older"):
            _go(person.customer.id, rows[-1]["ts"])


def _go(customer_id: int, until: datetime) -> None:
    st.session_state["cst_until"] = (customer_id, until)
    st.rerun()
