"""Outbound webhooks: the signing secret, the default address, and how calls went."""

from __future__ import annotations

import streamlit as st

from segmind.callbacks.state import State
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import webhooks as data
from segmind.ui.data import workspace
from segmind.ui.views.messages import callbacks
from segmind.workspace.permissions import Action

_FRESH = "set_fresh_secret"


def show(viewer: Viewer) -> None:
    """The secret, the address, the calls."""
    st.caption(
        "Segmind tells other systems what happens: the status of messages that were sent through "
        "the API, and what automations call. Calls are signed after Standard Webhooks, tried nine "
        "times within 18 hours with the same webhook-id, and never go into a private network."
    )
    above = st.container()
    with st.container(border=True, key="set_calls"):
        st.subheader("Calls of the last seven days", anchor=False)
        troubled = st.toggle(
            "Only calls that were not taken", key="set_troubled", bind="query-params"
        )
        told = data.told(bool(troubled))
        _calls(told, viewer)
    with above:
        _secret(told, viewer)
        _address(viewer)


def _secret(told: data.Told, viewer: Viewer) -> None:
    zone = workspace.settings().zone
    with st.container(border=True, key="set_secret"):
        st.subheader("Signing secret", anchor=False)
        if fresh := st.session_state.get(_FRESH):
            st.markdown("**Your signing secret.** Copy it now: nobody can read it again.")
            st.code(fresh, language=None)
            if st.button("I have copied it", key="set_secret_copied"):
                del st.session_state[_FRESH]
                st.rerun()
        made = told.secret_made_at
        st.caption(
            f"The present one was made {figures.instant(made, zone)}. After a change the former "
            "one signs as well for 24 hours, so that receivers can follow."
            if made
            else "There is none yet; the first call makes one that nobody has seen."
        )
        if st.button(
            "Make a new secret",
            icon=":material/key:",
            disabled=not viewer.may(Action.MANAGE_CREDENTIALS),
            key="set_secret_make",
        ):
            confirm(
                "Make a new signing secret?",
                "It is shown once. Receivers have 24 hours to change theirs.",
                "Make it",
                _make,
                key="set_secret_dialog",
            )


def _make() -> None:
    st.session_state[_FRESH] = data.new_secret()


def _address(viewer: Viewer) -> None:
    locked = not viewer.may(Action.EDIT_SETTINGS)
    with st.form("set_callback", border=True):
        st.subheader("Status of messages", anchor=False)
        url = st.text_input(
            "Address",
            value=workspace.settings().status_callback_url or "",
            placeholder="https://shop.example.com/hooks/messages",
            help="Told each new status of messages that were sent through the API without an "
            "address of their own (status_callback). Empty: nobody is told.",
            disabled=locked,
            key="set_callback_url",
        )
        if st.form_submit_button("Save", disabled=locked, key="set_callback_save"):
            with problems.shown("Save the address"):
                data.save_address(url or "")
                say("Address saved")
                st.rerun()


def _calls(told: data.Told, viewer: Viewer) -> None:
    st.caption(
        " · ".join(f"{state.label}: **{figures.count(told.counts[state])}**" for state in State)
    )
    if not told.calls:
        st.caption("None yet. Give a message a status_callback, or save an address above.")
    for call in told.calls:
        callbacks.line(call, viewer)
