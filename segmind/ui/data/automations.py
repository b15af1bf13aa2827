"""Automations: reads for the pages, and the switches that people turn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.automations import automation as automations
from segmind.automations import runs
from segmind.automations.automation import Automation
from segmind.automations.definition import Definition, Send
from segmind.automations.lifecycle import State
from segmind.automations.runs import Passage, Run, StepCounts, Totals
from segmind.templates import versions
from segmind.templates.template import to_json
from segmind.ui.access import allow
from segmind.ui.store import now, store
from segmind.workspace.permissions import Action


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def listed() -> list[Automation]:
    """All of them, the newest first."""
    with store().engine.connect() as conn:
        return automations.list_automations(conn)


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def names() -> dict[int, str]:
    """Names by id."""
    with store().engine.connect() as conn:
        return automations.names(conn)


def get(automation_id: int) -> Automation:
    """One automation as it is now. Raises UnknownAutomation."""
    with store().engine.connect() as conn:
        return automations.get(conn, automation_id)


@st.cache_data(ttl=5, max_entries=64, show_spinner=False)
def totals(automation_id: int) -> Totals:
    """All runs and messages in numbers."""
    with store().engine.connect() as conn:
        return runs.totals(conn, automation_id)


@st.cache_data(ttl=5, max_entries=64, show_spinner=False)
def by_step(automation_id: int) -> list[StepCounts]:
    """Counts for every step of the present version."""
    with store().engine.connect() as conn:
        return runs.by_step(conn, automation_id)


def list_runs(automation_id: int, state: str | None, before: int | None) -> list[Run]:
    """Fifty runs, the newest first."""
    with store().engine.connect() as conn:
        return runs.list_runs(conn, automation_id, state=state, limit=50, before=before)


def run_history(run_id: int) -> tuple[Run, list[Passage]]:
    """One run and what happened to it. Raises UnknownRun."""
    with store().engine.connect() as conn:
        return runs.history(conn, run_id)


def content_of(step: Send) -> dict[str, Any]:
    """What a send step sends, as a draft in JSON."""
    if step.content is not None:
        return step.content
    if step.template_version_id is None:
        return {}
    with store().engine.connect() as conn:
        return to_json(versions.load_version(conn, step.template_version_id))


def create(name: str, definition: Definition) -> Automation:
    """A new draft. Raises InvalidDefinition."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        made = automations.create(conn, name, definition, now(), who.email)
    _changed()
    return made


def update(
    automation_id: int, *, name: str | None = None, definition: Definition | None = None
) -> Automation:
    """Another name, or a new version of its definition."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        changed = automations.update(
            conn, automation_id, now(), who.email, name=name, definition=definition
        )
    _changed()
    return changed


def set_state(automation_id: int, state: State) -> None:
    """Switch it on, pause, resume or stop it."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        automations.set_state(conn, automation_id, state, now(), who.email)
    _changed()


def _changed() -> None:
    for read in (listed, names, totals, by_step):
        read.clear()
