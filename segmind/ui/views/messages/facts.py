"""What a message is: its status, why it is there, and its facts."""

from __future__ import annotations

import streamlit as st

from segmind.events.schema import Source
from segmind.messages.explained import explain
from segmind.messages.queries import Message
from segmind.ui import figures
from segmind.ui.components.badges import Colour
from segmind.ui.data import workspace
from segmind.ui.escaped import escaped
from segmind.ui.navigation import page

#: Each status: its colour and icon.
STATUSES: dict[str, tuple[Colour, str]] = {
    "queued": ("blue", "schedule_send"),
    "waiting": ("blue", "hourglass_top"),
    "sending": ("primary", "send"),
    "accepted": ("primary", "outbox"),
    "sent": ("green", "send"),
    "delivered": ("green", "check_circle"),
    "bounced": ("red", "undo"),
    "failed": ("red", "error"),
    "skipped": ("gray", "block"),
    "expired": ("gray", "timer_off"),
    "cancelled": ("gray", "cancel"),
    "in_doubt": ("orange", "help"),
}


def status_badge(status: str) -> None:
    """The status as a badge."""
    colour, icon = STATUSES.get(status, ("gray", "circle"))
    st.badge(status.replace("_", " ").capitalize(), color=colour, icon=f":material/{icon}:")


def why(message: Message) -> None:
    """Why the message is where it is, and what happens or can be done next."""
    known = explain(message)
    said = [escaped(message.because)]
    if known is not None:
        said = [known.why, f"**Next:** {known.then}"]
        if message.because and message.because.rstrip(".") not in known.why:
            said.insert(1, escaped(message.because))
    words = "\n\n".join(part for part in said if part)
    if not words:
        return
    if message.status in {"failed", "bounced", "in_doubt"}:
        st.warning(words, icon=":material/info:")
    else:
        st.info(words, icon=":material/info:")


def about(message: Message) -> None:
    """Whom, by whom, what it cost, and the ids to ask with."""
    settings = workspace.settings()
    zone = settings.zone
    with st.container(border=True, key="msg_about"):
        st.subheader("About", anchor=False)
        _line("To", message.address or "erased")
        if message.customer_id is not None:
            st.page_link(
                page("customer"),
                label="The customer",
                icon=":material/person:",
                query_params={"id": str(message.customer_id)},
            )
        kind = Source(message.source_kind)
        if kind in {Source.CAMPAIGN, Source.AUTOMATION}:
            name = kind.name.lower()
            st.page_link(
                page(name),
                label=f"The {name}",
                icon=":material/campaign:",
                query_params={"id": str(message.source_id)},
            )
        _line("Purpose", message.purpose)
        _line("Carried by", message.provider or "nobody yet")
        if message.segments is not None:
            _line("Parts", str(message.segments))
        _line("Price", figures.micros(message.cost_micros, settings.currency))
        _line("Tries", str(message.attempt))
        _line("Due", figures.instant(message.due_at, zone))
        _line("Last moment", figures.instant(message.expires_at, zone))
        st.caption("Id", width="content")
        st.code(str(message.public_id), language=None)
        if message.provider_id:
            st.caption("The provider's id", width="content")
            st.code(message.provider_id, language=None)


def _line(label: str, value: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
        st.caption(label, width="content")
        st.text(value, width="content")
