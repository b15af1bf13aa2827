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
from segmind.automations.seen import ChangedSince, Seen
from segmind.ui import problems
from segmind.ui.components.confirm import say
from segmind.ui.data import automations
from segmind.ui.views.automations import draft as drafts

Json = dict[str, Any]


@dataclass
class Editing:
    """The draft of one automation. ``definition`` is None while it can not be read.

    ``base`` is the version that it was begun from: another one may have been saved since.
    """

    automation: Automation
    base: int
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
        return bool(self.definition.as_json() != saved(self.automation, self.base))

    @property
    def is_behind(self) -> bool:
        """Whether somebody saved a version since this draft was begun."""
        return self.base != self.automation.version

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
    base = _base(automation, is_writing=kept is not None or opened(automation) is not None)
    draft: Json = kept if kept is not None else saved(automation, base)
    definition, found = drafts.read(draft)
    if definition is not None:
        found = automations.problems(definition)
    return Editing(automation, base, draft, definition, found, allowed)


def saved(automation: Automation, version: int) -> Json:
    """What is saved as a version, with the text of every message in it."""
    return automations.to_edit(automation.id, version)


def _base(automation: Automation, *, is_writing: bool) -> int:
    """The version that this tab's work goes on from.

    While a part is open, its inputs hold what they showed: were they compared with a version that
    somebody else has just saved, they would undo it. Otherwise it is the present one.
    """
    name = f"{_key(automation)}_base"
    if not is_writing or name not in st.session_state:
        st.session_state[name] = automation.version
    return int(st.session_state[name])


def keep(editing: Editing) -> None:
    """Keep what was changed in this run; the page is drawn anew with it."""
    _keep(editing.automation, editing.draft)
    st.rerun()


def restart(automation: Automation, draft: Json) -> None:
    """Go on with another draft (a version of before), to be saved after the present one."""
    discard(automation)
    _keep(automation, draft)


def go_on_from_present(automation: Automation) -> None:
    """Let the draft follow the present version: saving it replaces what that one says."""
    st.session_state[f"{_key(automation)}_base"] = automation.version


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
            try:
                automations.update(
                    editing.automation.id,
                    definition=editing.definition,
                    seen=Seen(version=editing.base),
                )
            except ChangedSince:
                st.rerun()  # the page reads the newer version, and says what is in it
            discard(editing.automation)
            say("Saved as a new version.")
            st.rerun()


def _key(automation: Automation) -> str:
    return f"aut_{automation.id}"


def _keep(automation: Automation, draft: Json) -> None:
    st.session_state[f"{_key(automation)}_draft"] = draft
