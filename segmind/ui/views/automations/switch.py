"""On, paused, off."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.lifecycle import State
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.data import automations
from segmind.ui.views.automations import outlook
from segmind.workspace.permissions import Action


def show(automation: Automation, viewer: Viewer) -> None:
    """The moves that are legal from where it is, each asked once more."""
    locked = not viewer.may(Action.LAUNCH)
    state = automation.state
    if state in {State.DRAFT, State.PAUSED} and st.button(
        "Switch on" if state is State.DRAFT else "Resume",
        type="primary",
        icon=":material/play_arrow:",
        disabled=locked,
        key="aut_on",
    ):
        confirm(
            f"Switch “{automation.name}” on?",
            "\n".join(
                f"- {each}" for each in outlook.sentences(automation.definition, automation.id)
            ),
            "Switch on",
            lambda: automations.set_state(automation.id, State.LIVE),
            key="aut_on_dialog",
            done="Switched on",
        )
    if state is State.LIVE and st.button(
        "Pause", icon=":material/pause:", disabled=locked, key="aut_pause"
    ):
        confirm(
            f"Pause “{automation.name}”?",
            f"{_in_flight(automation)} stay at their step until you resume; nobody enters, and "
            "nothing is sent.",
            "Pause",
            lambda: automations.set_state(automation.id, State.PAUSED),
            key="aut_pause_dialog",
            done="Paused",
        )
    if state in {State.LIVE, State.PAUSED} and st.button(
        "Stop", icon=":material/stop:", disabled=locked, key="aut_stop"
    ):
        confirm(
            f"Stop “{automation.name}” for good?",
            f"{_in_flight(automation)} leave it, and unsent messages are withdrawn. It cannot be "
            "switched on again.",
            "Stop it",
            lambda: automations.set_state(automation.id, State.STOPPED),
            key="aut_stop_dialog",
            done="Stopped",
        )


def _in_flight(automation: Automation) -> str:
    waiting = automations.totals(automation.id).waiting
    return f"{figures.plural(waiting, 'person', 'people')} in flight"
