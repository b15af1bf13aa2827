"""Found messages, the newest first, page by page."""

from __future__ import annotations

import streamlit as st

from segmind.events.schema import Source
from segmind.messages.explained import explain
from segmind.messages.queries import LOOKED_THROUGH, Message
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.empty import empty_state
from segmind.ui.data import messages, workspace
from segmind.ui.data.messages import Sought
from segmind.ui.data.sources import source_name
from segmind.ui.escaped import escaped
from segmind.ui.navigation import page

PAGE = 50


def show(sought: Sought) -> None:
    """One page of what fits, and the way to the next; before it, who is no message yet."""
    _waiting(sought)
    turned = _turned(sought)
    before = turned[-1] if turned else None
    found = messages.search(sought, before, PAGE)
    if not found.messages:
        _nothing(sought)
        return
    _table(found.messages)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Newer", icon=":material/arrow_back:", disabled=not turned, key="msg_newer"):
            turned.pop()
            st.rerun()
        if st.button(
            "Older",
            icon=":material/arrow_forward:",
            disabled=found.next_before is None,
            key="msg_older",
        ):
            assert found.next_before is not None
            turned.append(found.next_before)
            st.rerun()
        st.caption(
            f"Page {len(turned) + 1}, {figures.plural(len(found.messages), 'message')}. A part of "
            f"an address is looked for among the newest {figures.count(LOOKED_THROUGH)} messages, "
            "a whole one among all."
        )


def _waiting(sought: Sought) -> None:
    """Recipients of campaigns are listed one by one once their turn has come."""
    plain = Sought(status=sought.status, source=sought.source, source_id=sought.source_id)
    if sought != plain or sought.status not in {"", "queued"}:
        return
    for source, count in messages.waiting().items():
        kind = Source(source.kind).name.lower()
        if sought.source in {"", kind} and sought.source_id in {None, source.id}:
            st.caption(
                f"Waiting for their turn: {figures.plural(count, 'recipient')} of "
                f"{escaped(source_name(source.kind, source.id))}. They are listed here once it has "
                "come."
            )


def _turned(sought: Sought) -> list[int]:
    """The pages that were turned; another search begins at its first."""
    if st.session_state.get("msg_sought") != sought:
        st.session_state["msg_sought"] = sought
        st.session_state["msg_turned"] = []
    turned: list[int] = st.session_state["msg_turned"]
    return turned


def _table(found: tuple[Message, ...]) -> None:
    zone = workspace.settings().zone
    st.dataframe(
        {
            "Open": [f"/message?id={m.id}" for m in found],
            "Created": [figures.instant(m.created_at, zone) for m in found],
            "Status": [m.status.replace("_", " ") for m in found],
            "To": [_masked(m) for m in found],
            "Channel": [CHANNELS[m.channel.label][0] for m in found],
            "Sent by": [source_name(m.source_kind, m.source_id) for m in found],
            "Why": [_why(m) for m in found],
        },
        hide_index=True,
        height="content",
        column_config={
            "Open": st.column_config.LinkColumn(display_text="Open", width=64),
            "Created": st.column_config.TextColumn(width=140),
            "To": st.column_config.TextColumn(width=180),
            "Channel": st.column_config.TextColumn(width=80),
            "Status": st.column_config.TextColumn(width=90),
            "Sent by": st.column_config.TextColumn(width=170),
            "Why": st.column_config.TextColumn(width="large"),
        },
        alt="Messages, the newest first",
    )


def _why(message: Message) -> str:
    known = explain(message)
    return known.why if known is not None else message.because


def _masked(message: Message) -> str:
    if message.address is None:
        return "erased"
    kind = message.channel.label
    if kind == "email":
        return figures.mask_email(message.address)
    return figures.mask_phone(message.address) if kind == "sms" else f"…{message.address[-6:]}"


def _nothing(sought: Sought) -> None:
    if sought == Sought():
        empty_state(
            "No messages yet",
            "Launch a campaign, switch an automation on, or send one with POST /messages/send; "
            "each message shows here with all that happens to it.",
            icon="forum",
            action="Go to Campaigns",
            page=page("campaigns"),
            key="messages",
        )
        return
    empty_state(
        "No message fits",
        "Try a whole address, or fewer filters.",
        icon="search_off",
        action="Show all messages",
        page=page("messages"),
        key="messages_none",
    )
