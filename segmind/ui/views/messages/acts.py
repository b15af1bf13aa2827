"""What can be done with one message: take it back, move it, settle its doubt."""

from __future__ import annotations

from datetime import UTC

import streamlit as st

from segmind.events.schema import Source
from segmind.messages.lifecycle import State
from segmind.messages.queries import Message
from segmind.messages.sources import SourceKey
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import messages, workspace
from segmind.workspace.permissions import Action


def show(message: Message, viewer: Viewer) -> None:
    """The buttons that fit the message's state; those that the role forbids are locked."""
    if message.state in {State.READY, State.RETRY} and message.source_kind == int(Source.SINGLE):
        _waiting(message, locked=not viewer.may(Action.SEND_MESSAGES))
    if message.state is State.IN_DOUBT:
        _doubtful(message, locked=not viewer.may(Action.LAUNCH))


def _waiting(message: Message, *, locked: bool) -> None:
    with st.popover("Another time", icon=":material/schedule:", disabled=locked):
        zone = workspace.settings().zone
        at = st.datetime_input(
            f"Leave at ({zone.key})",
            value=message.due_at.astimezone(zone).replace(tzinfo=None),
            key="msg_at",
        )
        if st.button("Move it", type="primary", key="msg_move") and at is not None:
            with problems.shown("Move the message"):
                messages.reschedule(message, at.replace(tzinfo=zone).astimezone(UTC))
                say("The message leaves at another time")
                st.rerun()
    if st.button("Take it back", icon=":material/cancel:", disabled=locked, key="msg_cancel"):
        confirm(
            "Take this message back?",
            "It does not leave, and cannot be sent again.",
            "Take it back",
            lambda: messages.cancel(message),
            key="msg_cancel_dialog",
            done="The message does not leave",
        )


def _doubtful(message: Message, *, locked: bool) -> None:
    source = SourceKey(message.source_kind, message.source_id)
    if st.button("Mark as sent", icon=":material/check:", disabled=locked, key="msg_mark"):
        confirm(
            "Mark this message as sent?",
            "It counts as accepted by the provider. Do so if you know that it arrived.",
            "It was sent",
            lambda: messages.mark_sent(source, [message.id]),
            key="msg_mark_dialog",
            done="Marked as sent",
        )
    if st.button("Send again", icon=":material/replay:", disabled=locked, key="msg_resend"):
        confirm(
            "Send this message again?",
            "Nobody knows whether the provider has it: the customer may get it twice.",
            "Send it again",
            lambda: messages.resend(source, [message.id]),
            key="msg_resend_dialog",
            done="It is sent again",
        )
