"""A customer's rights over his data: a copy of all of it, and being forgotten."""

from __future__ import annotations

import streamlit as st

from segmind.customers.profile import Profile
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.data import customers
from segmind.workspace.permissions import Action

_WHAT_GOES = (
    "Name, addresses, ids, devices, traits, what was said in events and messages: all of it goes "
    "for good, in event files within minutes. Orders and sends stay as figures of nobody. The "
    "addresses stay blocked as hashes, so that no import writes to them again."
)


def show(person: Profile, viewer: Viewer) -> None:
    """Export and erase, as far as the viewer may."""
    if not (viewer.may(Action.EXPORT_PERSONAL_DATA) or viewer.may(Action.ERASE_CUSTOMERS)):
        return
    customer = person.customer
    with st.container(border=True, key="cst_rights"):
        st.subheader("Their data", anchor=False)
        if viewer.may(Action.EXPORT_PERSONAL_DATA):
            _export(customer.id)
        if viewer.may(Action.ERASE_CUSTOMERS) and st.button(
            "Erase this customer", icon=":material/person_remove:", key="cst_erase"
        ):
            confirm(
                f"Erase {customer.name}?",
                _WHAT_GOES,
                "Erase for good",
                lambda: customers.erase(customer.id),
                key="cst_erase_dialog",
                typed="erase",
                done="The customer was erased",
            )


def _export(customer_id: int) -> None:
    """Made when asked for: it reads the whole log of the customer."""
    made: tuple[int, bytes] | None = st.session_state.get("cst_export")
    if made is not None and made[0] == customer_id:
        st.download_button(
            "Download the copy",
            made[1],
            file_name=f"customer-{customer_id}.zip",
            mime="application/zip",
            icon=":material/download:",
            type="primary",
            key="cst_export_file",
            on_click=_forget_export,
        )
    elif st.button(
        "Make a copy of everything", icon=":material/folder_zip:", key="cst_export_make"
    ):
        with problems.shown("Make the copy"):
            st.session_state["cst_export"] = (customer_id, customers.export(customer_id))
            st.rerun()
    st.caption("Profile, consents, events, messages, clicks and replies: JSON and CSV in one zip.")


def _forget_export() -> None:
    st.session_state.pop("cst_export", None)
