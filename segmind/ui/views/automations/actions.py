"""What can be done with an automation beside switching it: another name, a copy, an end."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import parse
from segmind.automations.lifecycle import State
from segmind.automations.seen import Seen
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import automations
from segmind.ui.navigation import open_page
from segmind.workspace.permissions import Action


def show(automation: Automation, viewer: Viewer) -> None:
    """The menu, on the left of the switch."""
    offers = ["Rename", "Copy"]
    if automation.state is State.DRAFT and viewer.may(Action.LAUNCH):
        offers.append("Discard")
    picked = st.menu_button(
        "More", offers, key="aut_more", disabled=not viewer.may(Action.EDIT_AUTOMATIONS)
    )
    if picked == "Rename":
        _rename(automation)
    if picked == "Copy":
        with problems.shown("Copy the automation"):
            text = automations.to_edit(automation.id, automation.version)
            made = automations.create(f"{automation.name} (copy)"[:200], parse(text))
            open_page("automation", id=made.id)
    if picked == "Discard":
        _discard(automation)


@st.dialog("Rename the automation")
def _rename(automation: Automation) -> None:
    name = st.text_input("Name", automation.name, max_chars=200, key="aut_name")
    if st.button("Rename", type="primary", key="aut_rename"):
        with problems.shown("Rename the automation"):
            automations.update(automation.id, name=name or "", seen=Seen(name=automation.name))
            st.rerun()


def _discard(automation: Automation) -> None:
    def discard() -> None:
        automations.set_state(automation.id, State.STOPPED)
        say(f"Discarded “{automation.name}”")
        open_page("automations")

    confirm(
        f"Discard “{automation.name}”?",
        "It goes to those that were stopped and can never be switched on. It can still be copied.",
        "Discard the draft",
        discard,
        key="aut_discard_dialog",
    )
