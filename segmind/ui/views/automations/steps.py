"""The steps: a list that is the editor, and the picture beside it."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import Definition
from segmind.automations.describe import Line, Saying, lines
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.data import automations, segments
from segmind.ui.views.automations import behind, cards, editing
from segmind.ui.views.automations.picture import mermaid
from segmind.ui.views.automations.words import saying
from segmind.workspace.permissions import Action


@problems.guarded
def show(automation: Automation, viewer: Viewer) -> None:
    """The list on the left, the picture on the right; a message being written gets all the room."""
    allowed = viewer.may(Action.EDIT_AUTOMATIONS) and automation.state != "stopped"
    now = editing.begin(automation, allowed=allowed)
    if now.is_behind:
        behind.show(now, viewer)
    else:
        editing.bar(now)
    cards.others(now)
    said = _said(now.definition)
    opened = editing.opened(automation)
    is_writing = any(s["id"] == opened and s["kind"] == "send" for s in now.draft["steps"])
    if is_writing or now.definition is None:
        _list(now, said)
        return
    left, right = st.columns([1.6, 1])
    with left:
        _list(now, said)
    with right, st.container(border=True, key="aut_picture"):
        st.subheader("Picture", anchor=False)
        short = lines(now.definition, Saying(words=segments.words()))
        st.mermaid_chart(
            mermaid(now.definition, short), alt="The steps as a diagram; the list says it all"
        )


def _said(definition: Definition | None) -> list[Line]:
    if definition is None:
        return []
    return lines(definition, saying())


def _list(now: editing.Editing, said: list[Line]) -> None:
    counts = {each.step: each for each in automations.by_step(now.automation.id)}
    by_step = {line.step: line for line in said if line.step is not None}
    rules = [line.text for line in said if line.step is None]
    with st.container(gap="xxsmall"):
        cards.trigger(now, rules[0] if rules else "What starts it")
        for number, step in enumerate(now.draft["steps"]):
            cards.step(now, number, by_step.get(step["id"]), counts.get(step["id"]))
        cards.ends(now, rules[1:])
