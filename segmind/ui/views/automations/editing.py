"""What somebody is in the middle of: the draft of an automation, kept until saved or discarded.

A widget that is not shown loses its value, and the draft must survive a look at another page: it
is an entry of its own in the session, as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import Definition
from segmind.automations.graph import Problem
from segmind.ui import problems
from segmind.ui.components.confirm import say
from segmind.ui.data import automations
from segmind.ui.views.automations import draft as drafts

Json = dict[str, Any]


@dataclass
class Editing:
    """The draft of one automation. ``definition`` is None while it can not be read."""

    automation: Automation
    draft: Json
    definition: Definition | None
    problems: list[Problem]
    allowed: bool

    @property
    def key(self) -> str:
        """What widgets of this draft are called by."""
        return _key(self.automation)

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        if self.definition is None:
            return True
        return bool(self.definition.as_json() != saved(self.automation))

    def of_step(self, step_id: str | None) -> list[Problem]:
        """What is wrong with a step (None: with the whole)."""
        return [problem for problem in self.problems if problem.step == step_id]

    def alter(self, how: Callable[..., Any], *args: Any) -> None:
        """Change the draft, in a callback: ``how`` gets it first."""
        made = how(self.draft, *args)
        _keep(self.automation, self.draft)
        if isinstance(made, str):
            open_step(self.automation, made)


def begin(automation: Automation, *, allowed: bool) -> Editing:
    """The draft as it stands: what was kept, else what is saved."""
    kept = st.session_state.get(f"{_key(automation)}_draft")
    draft: Json = kept if kept is not None else saved(automation)
    definition, found = drafts.read(draft)
    if definition is not None:
        found = automations.problems(definition)
    return Editing(automation, draft, definition, found, allowed)


def saved(automation: Automation) -> Json:
    """What is saved, with the text of every message in it."""
    return automations.to_edit(automation.id, automation.version)


def keep(editing: Editing) -> None:
    """Keep what was changed in this run; the page is drawn anew with it."""
    _keep(editing.automation, editing.draft)
    st.rerun()


def restart(automation: Automation, draft: Json) -> None:
    """Go on with another draft (a version of before)."""
    discard(automation)
    _keep(automation, draft)


def discard(automation: Automation) -> None:
    """Back to what is saved."""
    prefix = f"{_key(automation)}_"
    for name in [each for each in st.session_state if str(each).startswith(prefix)]:
        del st.session_state[name]


def opened(automation: Automation) -> str | None:
    """Which part is open for editing: a step's id, ``:trigger`` or ``:ends``."""
    found = st.session_state.get(f"{_key(automation)}_open")
    return str(found) if found else None


def open_step(automation: Automation, part: str | None) -> None:
    """Open a part for editing; None closes it."""
    st.session_state[f"{_key(automation)}_open"] = part


def bar(editing: Editing) -> None:
    """Saving: what is unsaved, what is wrong, and what will happen to people in flight."""
    if not editing.changed:
        return
    wrong = len(editing.problems)
    with st.container(
        border=True,
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
        key=f"{editing.key}_bar",
    ):
        said = (
            f":orange[:material/edit: **Not saved yet.** {wrong} place"
            f"{'s need' if wrong != 1 else ' needs'} a look.]"
            if wrong
            else ":material/edit: **Not saved yet.** People in flight finish their version, "
            "unless you move them."
        )
        st.markdown(said, width="stretch")
        with st.container(horizontal=True, width="content"):
            st.button(
                "Discard",
                key=f"{editing.key}_discard",
                on_click=discard,
                args=(editing.automation,),
            )
            pressed = st.button(
                f"Save version {editing.automation.version + 1}",
                type="primary",
                disabled=bool(wrong) or editing.definition is None or not editing.allowed,
                key=f"{editing.key}_save",
            )
    if pressed and editing.definition is not None:
        with problems.shown("Save the automation"):
            automations.update(editing.automation.id, definition=editing.definition)
            discard(editing.automation)
            say("Saved as a new version.")
            st.rerun()


def _key(automation: Automation) -> str:
    return f"aut_{automation.id}"


def _keep(automation: Automation, draft: Json) -> None:
    st.session_state[f"{_key(automation)}_draft"] = draft
