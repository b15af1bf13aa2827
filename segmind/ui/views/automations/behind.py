"""A draft that somebody else was quicker than: what they changed, and whose version goes on."""

from __future__ import annotations

from typing import Final

import streamlit as st

from segmind.automations.definition import parse
from segmind.automations.differences import Difference, Kind, differences
from segmind.ui import figures
from segmind.ui.access import Viewer, by_whom
from segmind.ui.components.confirm import say
from segmind.ui.data import automations
from segmind.ui.store import now
from segmind.ui.views.automations import editing
from segmind.ui.views.automations.editing import Editing
from segmind.ui.views.automations.words import plain, saying

#: More lines than these are counted only.
_MOST: Final = 8


def show(draft: Editing, viewer: Viewer) -> None:
    """Who saved what since this draft was begun. Nothing is saved before it is decided."""
    automation, newest = draft.automation, draft.automation.version
    with st.container(border=True, key=f"{draft.key}_behind"):
        mine = f"you worked on version {draft.base}" if draft.changed else "you were here"
        who = _by(draft, viewer)
        st.markdown(f":orange[:material/group: **Version {newest} was saved{who} while {mine}.**]")
        st.markdown("\n".join(f"- {plain(each)}" for each in _changes(draft)))
        with st.container(horizontal=True):
            st.button(
                f"Load version {newest}",
                type="secondary" if draft.changed else "primary",
                help="What you changed and did not save is thrown away" if draft.changed else None,
                on_click=editing.discard,
                args=(automation,),
                key=f"{draft.key}_theirs",
            )
            if draft.changed and st.button(
                "Keep mine",
                help=f"You can then save yours as version {newest + 1}. Version {newest} stays "
                "under Versions.",
                disabled=not draft.allowed,
                key=f"{draft.key}_mine",
            ):
                editing.go_on_from_present(automation)
                say(f"Yours goes on. Saving it replaces what version {newest} says.")
                st.rerun()


def _by(draft: Editing, viewer: Viewer) -> str:
    """`` by ana@shop.example 2 min ago``, as far as it is known."""
    automation = draft.automation
    who = automations.author(automation.id, automation.version)
    saved = {each.version: each.created_at for each in automations.versions(automation.id)}
    at = saved.get(automation.version)
    return by_whom(who, viewer) + (f" {figures.ago(at, now())}" if at else "")


def _changes(draft: Editing) -> list[str]:
    number, newest = draft.automation.id, draft.automation.version
    before, after = (parse(automations.to_edit(number, each)) for each in (draft.base, newest))
    found = [_said(each) for each in differences(before, after, saying())]
    if len(found) > _MOST:
        found = [*found[: _MOST - 1], f"{len(found) - _MOST + 1} changes more"]
    return found or ["It says the same as before."]


def _said(found: Difference) -> str:
    match found.kind:
        case Kind.NEW:
            return f"New: {found.after}"
        case Kind.GONE:
            return f"Gone: {found.before}"
        case Kind.CHANGED:
            return f"{found.before.removesuffix('.')} → {found.after}"
        case Kind.REWRITTEN:
            return f"Changed in its details: {found.after}"
        case Kind.MOVED:
            return "The order of the steps"
