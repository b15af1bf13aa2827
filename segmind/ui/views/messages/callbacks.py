"""Who was told what became of a message, and how telling went."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from segmind.callbacks.outbound import Callback
from segmind.callbacks.state import State
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import Colour
from segmind.ui.components.confirm import say
from segmind.ui.data import messages, workspace
from segmind.ui.escaped import escaped
from segmind.workspace.permissions import Action

COLOURS: dict[State, Colour] = {
    State.WAITING: "blue",
    State.DELIVERED: "green",
    State.GIVEN_UP: "red",
    State.EXPIRED: "gray",
    State.REFUSED: "red",
}


def show(calls: Sequence[Callback], viewer: Viewer) -> None:
    """Each status that its sender was told, in order."""
    if not calls:
        return
    with st.container(border=True, key="msg_callbacks"):
        st.subheader(
            "Told by webhook",
            anchor=False,
            help="Each new status is posted to the address that the sender named, signed after "
            "Standard Webhooks, and tried nine times within 18 hours.",
        )
        for call in calls:
            line(call, viewer)


def line(call: Callback, viewer: Viewer) -> None:
    """One call: what it said, whether it was taken, and a way to call once more."""
    zone = workspace.settings().zone
    status = json.loads(call.body)["data"].get("status", call.topic)
    badge = f":{COLOURS[call.state]}-badge[{call.state.label}]"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{escaped(str(status))}** {badge}", width="stretch")
        if call.state not in {State.DELIVERED, State.WAITING} and st.button(
            "Call again",
            type="tertiary",
            key=f"msg_tell_{call.id}",
            disabled=not viewer.may(Action.SEND_MESSAGES),
        ):
            with problems.shown("Call again"):
                messages.tell_again(call)
                say("It is called again")
                st.rerun()
    tried = f"{call.tried_at.astimezone(zone):%-d %b %H:%M:%S} · " if call.tried_at else ""
    st.caption(f"{tried}{escaped(call.host)} · {escaped(call.because)}")
