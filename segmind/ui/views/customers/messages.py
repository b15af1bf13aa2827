"""The messages of a customer, each with where it stands and why."""

from __future__ import annotations

import streamlit as st

from segmind.customers.profile import Profile
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.empty import empty_state
from segmind.ui.data import customers, workspace
from segmind.ui.data.sources import source_name


def show(person: Profile) -> None:
    """The newest fifty."""
    found = customers.messages(person.customer.id)
    if not found:
        empty_state(
            "No messages",
            "They were sent nothing so far.",
            icon="mail",
            key="messages",
        )
        return
    zone = workspace.settings().zone
    with st.container(border=True, key="cst_messages"):
        for message in found:
            label, icon = CHANNELS[message.channel.label]
            st.markdown(
                f":material/{icon}: **{source_name(message.source_kind, message.source_id)}** "
                f":gray-badge[{message.status.replace('_', ' ')}] {message.because}"
            )
            reactions = [
                f"{word} {figures.instant(at, zone)}"
                for word, at in (
                    ("sent", message.sent_at),
                    ("delivered", message.delivered_at),
                    ("opened", message.opened_at),
                    ("clicked", message.clicked_at),
                    ("unsubscribed", message.unsubscribed_at),
                )
                if at
            ]
            st.caption(" · ".join([label, *reactions]))
