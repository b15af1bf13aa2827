"""API keys: made here, shown once."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.data import workspace as data
from segmind.ui.store import now
from segmind.workspace.api_keys import ApiKey, Scope
from segmind.workspace.permissions import Action

_FRESH = "set_fresh_key"


def show(viewer: Viewer) -> None:
    """The form for a new key, the fresh key once, and the list."""
    if not viewer.may(Action.MANAGE_KEYS):
        st.info("Owners and admins see and make API keys.", icon=":material/key_off:")
        return
    _create()
    if fresh := st.session_state.get(_FRESH):
        with st.container(border=True):
            st.markdown("**Your new key.** Copy it now: nobody can read it again.")
            st.code(fresh, language=None)
            if st.button("I have copied it", key="set_key_copied"):
                del st.session_state[_FRESH]
                st.rerun()
    keys = data.keys()
    if not keys:
        st.caption("No keys yet. The shop's systems need one to send events or messages.")
    for key in keys:
        _row(key)


def _create() -> None:
    with st.form("new_key", clear_on_submit=True, width=760):
        st.subheader("New key", anchor=False)
        name = st.text_input("Name", placeholder="Checkout service", key="set_key_name")
        scopes = st.multiselect(
            "It may",
            [scope.value for scope in Scope],
            default=[Scope.EVENTS_WRITE.value, Scope.CUSTOMERS_WRITE.value],
            key="set_key_scopes",
        )
        sent = st.form_submit_button("Make the key", type="primary", key="set_key_make")
    if sent:
        with problems.shown("Make the key"):
            st.session_state[_FRESH] = data.create_key(name or "", scopes)
            st.rerun()


def _row(key: ApiKey) -> None:
    zone = data.settings().zone
    with st.container(
        horizontal=True, border=True, vertical_alignment="center", key=f"key_{key.id}"
    ):
        state = ":gray-badge[Revoked]" if key.revoked_at else ""
        st.markdown(f"**{key.name}** {state}", width=240)
        st.markdown(f"…{key.last4}", width=90)
        st.caption(
            f"{', '.join(sorted(key.scopes))} · made {figures.instant(key.created_at, zone)} · "
            f"used {figures.ago(key.last_used_at, now())}",
            width="stretch",
        )
        if not key.revoked_at and st.button("Revoke", key=f"revoke_{key.id}"):
            confirm(
                f"Revoke {key.name}?",
                "Whatever uses it is refused from that moment on.",
                "Revoke",
                lambda: data.revoke_key(key.id),
                key=f"revoke_{key.id}_dialog",
                done="Key revoked",
            )
