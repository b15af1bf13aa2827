"""The steps as a list that reads like a sentence, with counts; the picture beside it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import Condition, Definition, Exit, Send, Wait
from segmind.automations.describe import Line, Saying, lines
from segmind.automations.runs import StepCounts
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.data import automations, segments
from segmind.ui.views.automations import content
from segmind.ui.views.automations.change import changed
from segmind.ui.views.automations.picture import mermaid
from segmind.workspace.permissions import Action

_ICONS = {
    Wait: "hourglass_top",
    Condition: "call_split",
    Send: "send",
    Exit: "logout",
}


def show(automation: Automation, viewer: Viewer) -> None:
    """The list on the left, the picture on the right; a message being edited instead of both."""
    allowed = viewer.may(Action.EDIT_AUTOMATIONS) and automation.state != "stopped"
    editing = st.session_state.get("aut_editing")
    step = _step(automation.definition, editing) if editing else None
    if isinstance(step, Send) and allowed:
        content.edit(automation, step)
        return
    left, right = st.columns([1.5, 1])
    with left:
        _list(automation, allowed)
    with right, st.container(border=True, key="aut_picture"):
        st.subheader("Picture", anchor=False)
        said = lines(automation.definition, Saying(words=segments.words()))
        st.mermaid_chart(
            mermaid(automation.definition, said), alt="The steps as a diagram; the list says it all"
        )


def _list(automation: Automation, allowed: bool) -> None:
    definition = automation.definition
    counts = {each.step: each for each in automations.by_step(automation.id)}
    number = 0
    for line in lines(definition, Saying(words=segments.words(), content=_subject)):
        if line.step is None:
            _rule(line, first=number == 0)
        else:
            number += 1
            _one(automation, line, number, counts.get(line.step), allowed)


def _rule(line: Line, *, first: bool) -> None:
    icon = "bolt" if first else "flag"
    with st.container(border=True, key=f"aut_rule_{abs(hash(line.text))}"):
        st.markdown(f":material/{icon}: {_plain(line.text)}")


def _one(
    automation: Automation, line: Line, number: int, counts: StepCounts | None, allowed: bool
) -> None:
    step = automation.definition.step(line.step or "")
    with st.container(border=True, gap="xsmall", key=f"aut_step_{step.id}"):
        text, change = st.columns([5, 1], vertical_alignment="center")
        text.markdown(f"**{number}** :material/{_ICONS[type(step)]}: {_plain(line.text)}")
        with change:
            if isinstance(step, Send) and st.button(
                "Edit", type="tertiary", disabled=not allowed, key=f"aut_edit_{step.id}"
            ):
                st.session_state["aut_editing"] = step.id
                st.rerun()
            if isinstance(step, Wait):
                _wait(automation, step, allowed)
        ways = [
            f"{label or 'then'} → {_target(automation.definition, target)}"
            for label, target in line.leads_to
            if label or target is None
        ]
        said = [" · ".join(ways), _counts(step, counts)]
        st.caption("  \n".join(part for part in said if part))


def _target(definition: Definition, target: str | None) -> str:
    if target is None:
        return "leaves"
    ids = [step.id for step in definition.steps]
    return f"step {ids.index(target) + 1}"


def _counts(step: Any, counts: StepCounts | None) -> str:
    if counts is None or not counts.entered:
        return "Nobody came here yet"
    parts = [f"{figures.count(counts.entered)} came"]
    named = {
        "waiting now": counts.waiting,
        "sent": counts.sent,
        "skipped": counts.skipped,
        "yes": counts.yes,
        "no": counts.no,
        "reached the goal here": counts.converted,
        "failed": counts.failed,
    }
    parts += [f"**{figures.count(n)}** {name}" for name, n in named.items() if n]
    if isinstance(step, Wait) and counts.passed:
        parts.append(f"{figures.count(counts.passed)} went on")
    return " · ".join(parts)


def _wait(automation: Automation, step: Wait, allowed: bool) -> None:
    with st.popover("Change", type="tertiary", disabled=not allowed):
        minutes = st.number_input(
            "Minutes",
            1,
            366 * 24 * 60,
            max(1, step.seconds // 60),
            key=f"aut_minutes_{step.id}",
        )
        if st.button("Save a new version", type="primary", key=f"aut_save_{step.id}"):
            with problems.shown("Change the wait"):
                automations.update(
                    automation.id,
                    definition=changed(automation.definition, step.id, {"seconds": minutes * 60}),
                )
                say("Saved. People in flight finish the version that they began with.")
                st.rerun()


def _step(definition: Definition, step_id: str) -> Any:
    return next((step for step in definition.steps if step.id == step_id), None)


def _subject(step: Send) -> str:
    draft = automations.content_of(step)
    said = str(draft.get("subject") or draft.get("title") or draft.get("body") or "")
    return f"“{said[:80]}{'…' if len(said) > 80 else ''}”" if said else ""


def _plain(text: str) -> str:
    return text.replace("$", "\\$").replace("[", "\\[").replace("*", "\\*")
