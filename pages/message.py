"""One message: where it is, why, everything that happened to it, and who was told."""

import streamlit as st

from segmind.errors import NotFound
from segmind.ui import access
from segmind.ui.components.badges import channel_text
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import messages
from segmind.ui.data.sources import source_name
from segmind.ui.navigation import id_in_url, page
from segmind.ui.views.messages import acts, callbacks, facts, history

viewer = access.gate()
say_what_was_done()
try:
    followed = messages.follow(id_in_url() or 0)
except NotFound:
    page_header("Message", back=("Messages", page("messages")))
    empty_state(
        "There is no such message",
        "The address may be cut short. Messages are found by id, address or status.",
        icon="search_off",
        action="All messages",
        page=page("messages"),
        key="message",
    )
    st.stop()

message = followed.message
top = page_header(
    source_name(message.source_kind, message.source_id), back=("Messages", page("messages"))
)
with top:
    acts.show(message, viewer)
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    facts.status_badge(message.status)
    st.caption(channel_text(message.channel.label), width="content")
facts.why(message)
left, right = st.columns([1.7, 1])
with left:
    history.show(followed.history)
with right:
    facts.about(message)
    callbacks.show(followed.callbacks, viewer)
