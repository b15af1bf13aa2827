"""The versions of an automation, and the people who still follow older ones."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation, Version
from segmind.automations.describe import Saying, lines
from segmind.automations.moving import Place
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.data import automations, segments, workspace
from segmind.ui.views.automations import editing
from segmind.ui.views.automations.words import STEPS, plain
from segmind.workspace.permissions import Action


def show(automation: Automation, viewer: Viewer) -> None:
    """People in flight by version, then every version in words, the newest first."""
    allowed = viewer.may(Action.EDIT_AUTOMATIONS) and automation.state != "stopped"
    places = automations.places(automation.id)
    if places:
        _people(automation, places, allowed)
    for version in automations.versions(automation.id):
        _one(automation, version, allowed)


def _people(automation: Automation, places: list[Place], allowed: bool) -> None:
    total = sum(place.waiting for place in places)
    steps = list(automation.definition.steps)
    names = {
        step.id: f"step {n}: {STEPS[step.kind][0].lower()}" for n, step in enumerate(steps, start=1)
    }
    with st.container(border=True, key="aut_people"):
        st.markdown(
            f"**{figures.plural(total, 'person', 'people')} in flight follow an older version.** "
            "They finish it, unless you move them to this one. Whoever has got a step's message "
            "gets it no second time."
        )
        to: dict[str, str] = {}
        for place in places:
            if place.leads_to is not None:
                st.caption(f"{figures.count(place.waiting)} stay at {names[place.leads_to]}")
                continue
            target = st.selectbox(
                f"{figures.count(place.waiting)} at “{place.step}”, which is gone, go on at",
                list(names),
                format_func=names.__getitem__,
                key=f"aut_move_{place.step}",
                width=360,
            )
            if target:
                to[place.step] = target
        if st.button(
            f"Move them to version {automation.version}", disabled=not allowed, key="aut_move"
        ):
            with problems.shown("Move people"):
                moved = automations.move_people(automation.id, to)
                say(f"{figures.plural(moved, 'person', 'people')} moved.")
                st.rerun()


def _one(automation: Automation, version: Version, allowed: bool) -> None:
    is_present = version.version == automation.version
    zone = workspace.settings().zone
    title = f"Version {version.version}" + (" · present" if is_present else "")
    with st.expander(
        f"{title} :gray[{figures.instant(version.created_at, zone)}]",
        key=f"aut_version_{version.version}",
        on_change="rerun",
    ) as box:
        if not box.open:
            return
        said = lines(version.definition, Saying(words=segments.words()))
        st.markdown("\n\n".join(plain(line.text) for line in said))
        if not is_present and st.button(
            "Edit from this version",
            disabled=not allowed,
            key=f"aut_from_{version.version}",
            help="Its steps become the draft; nothing changes until you save",
        ):
            editing.restart(automation, automations.to_edit(automation.id, version.version))
            say(f"Version {version.version} is the draft now.")
            st.session_state["aut_tab"] = "Steps"
            st.rerun()
