"""The people who work here."""

from __future__ import annotations

import streamlit as st

from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.components.empty import empty_state
from segmind.ui.data import workspace as data
from segmind.workspace.members import Member
from segmind.workspace.permissions import Action, Role

_SAYS = {
    Role.OWNER: "everything, and who else is an owner",
    Role.ADMIN: "everything but owners",
    Role.MARKETER: "segments, campaigns, automations, imports",
    Role.ANALYST: "segments and exports",
    Role.VIEWER: "looking",
}


def show(viewer: Viewer) -> None:
    """The form for a new member, and the list."""
    people = data.list_members()
    if not people:
        empty_state(
            "Nobody is a member yet",
            "Everybody on this machine can open the workspace. The first member becomes its "
            "owner; from then on people sign in.",
            icon="lock_open",
            key="members",
        )
    if viewer.may(Action.MANAGE_MEMBERS):
        _add(first=not people)
    for person in people:
        _row(person, viewer)


def _add(first: bool) -> None:
    with st.form("new_member", width=760):
        st.subheader("Become the first member" if first else "Add a member", anchor=False)
        left, right = st.columns(2)
        email = left.text_input("E-mail", type="email", key="set_member_email")
        name = right.text_input("Name", key="set_member_name")
        role = left.selectbox(
            "Role",
            [Role.OWNER] if first else list(Role),
            index=0 if first else 2,
            format_func=lambda each: f"{each.capitalize()}: {_SAYS[each]}",
            key="set_member_role",
        )
        password = right.text_input(
            "First password",
            type="password",
            autocomplete="new-password",
            help="At least 12 characters; tell it to the person in private.",
            key="set_member_password",
        )
        sent = st.form_submit_button("Add", type="primary", key="set_member_add")
    if sent:
        with problems.shown("Add the member"):
            data.add_member(email or "", name or "", Role(role), password or "")
            say(f"{email} is a member now")
            st.rerun()


def _row(person: Member, viewer: Viewer) -> None:
    with st.container(
        horizontal=True, border=True, vertical_alignment="center", key=f"member_{person.id}"
    ):
        inactive = "" if person.is_active else " :gray-badge[May not sign in]"
        st.markdown(f"**{person.name or person.email}**{inactive}", width=240)
        st.caption(f"{person.email} · {person.role}", width="stretch")
        if not viewer.may(Action.MANAGE_MEMBERS) or person.email == viewer.email:
            return
        choice = st.menu_button(
            "Change",
            [
                *(f"Make {role}" for role in Role if role is not person.role),
                "Block" if person.is_active else "Unblock",
                "Remove",
            ],
            key=f"change_{person.id}",
        )
    if choice == "Remove":
        confirm(
            f"Remove {person.email}?",
            "Their sign-ins end at once. What they did stays in the audit.",
            "Remove",
            lambda: data.remove_member(person.id),
            key=f"remove_{person.id}",
            done=f"{person.email} removed",
        )
    elif choice:
        with problems.shown("Change the member"):
            role = Role(choice.removeprefix("Make ")) if choice.startswith("Make ") else None
            active = None if role else choice == "Unblock"
            data.change_member(person.id, role=role, is_active=active)
            st.rerun()
