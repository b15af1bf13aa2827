"""Automations: reads for the pages, and the switches that people turn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.automations import automation as automations
from segmind.automations import moving, numbers, recipes, runs, validate
from segmind.automations.automation import Automation, Version
from segmind.automations.contents import draft_of, spelled_out
from segmind.automations.definition import Definition
from segmind.automations.graph import Problem
from segmind.automations.lifecycle import State
from segmind.automations.moving import Place
from segmind.automations.numbers import StepCounts, Totals
from segmind.automations.recipes import Recipe
from segmind.automations.runs import Passage, Run
from segmind.automations.seen import Seen
from segmind.automations.steps import Option
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
        return numbers.totals(conn, automation_id)


@st.cache_data(ttl=5, max_entries=64, show_spinner=False)
def by_step(automation_id: int) -> list[StepCounts]:
    """Counts for every step of the present version."""
    with store().engine.connect() as conn:
        return numbers.by_step(conn, automation_id)


def list_runs(
    automation_id: int,
    state: str | None,
    before: int | None,
    *,
    step: str | None = None,
    customer_id: int | None = None,
) -> list[Run]:
    """Fifty runs, the newest first."""
    with store().engine.connect() as conn:
        return runs.list_runs(
            conn,
            automation_id,
            state=state,
            step=step,
            customer_id=customer_id,
            limit=50,
            before=before,
        )


def run_history(run_id: int) -> tuple[Run, list[Passage]]:
    """One run and what happened to it. Raises UnknownRun."""
    with store().engine.connect() as conn:
        return runs.history(conn, run_id)


def content_of(option: Option) -> dict[str, Any]:
    """What is sent, as a draft in JSON."""
    if option.content is not None:
        return option.content
    return _kept_content(option.template_version_id or 0)


@st.cache_data(max_entries=500, show_spinner=False)
def _kept_content(version_id: int) -> dict[str, Any]:
    """A version's text; versions never change."""
    with store().engine.connect() as conn:
        option = Option(channel="email", template_version_id=version_id)
        return to_json(draft_of(conn, option))


@st.cache_data(max_entries=100, show_spinner=False)
def to_edit(automation_id: int, version: int) -> dict[str, Any]:
    """A version as JSON, with the text of every message in it; versions never change."""
    with store().engine.connect() as conn:
        return spelled_out(conn, automations.definition_of(conn, automation_id, version)).as_json()


def problems(definition: Definition) -> list[Problem]:
    """Everything that is wrong with a definition."""
    with store().engine.connect() as conn:
        return validate.problems(conn, definition)


@st.cache_data(ttl=30, max_entries=64, show_spinner=False)
def versions(automation_id: int) -> list[Version]:
    """Every version, the newest first."""
    with store().engine.connect() as conn:
        return automations.versions(conn, automation_id)


@st.cache_data(max_entries=200, show_spinner=False)
def author(automation_id: int, version: int) -> str:
    """Who saved a version; versions never change."""
    with store().engine.connect() as conn:
        return automations.author_of(conn, automation_id, version)


@st.cache_data(ttl=5, max_entries=64, show_spinner=False)
def places(automation_id: int) -> list[Place]:
    """Where the people are who follow an older version."""
    with store().engine.connect() as conn:
        return moving.places(conn, automation_id)


def move_people(automation_id: int, to: dict[str, str]) -> int:
    """Let everybody in flight follow the present version; how many."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        moved = moving.move_people(conn, automation_id, to, now(), who.email)
    _changed()
    return moved


def try_again(automation_id: int, run_id: int | None = None) -> int:
    """Let runs that failed (or one) go on; how many."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        tried = moving.try_again(conn, automation_id, now(), who.email, run_id=run_id)
    _changed()
    return tried


def set_up(recipe: Recipe) -> Automation:
    """A draft out of a recipe; segments that it needs are found or made."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        definition = recipes.definition_of(conn, recipe, now(), who.email)
        made = automations.create(conn, recipe.name, definition, now(), who.email)
    _changed()
    return made


def create(name: str, definition: Definition) -> Automation:
    """A new draft. Raises InvalidDefinition."""
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        made = automations.create(conn, name, definition, now(), who.email)
    _changed()
    return made


def update(
    automation_id: int,
    *,
    name: str | None = None,
    definition: Definition | None = None,
    seen: Seen,
) -> Automation:
    """Another name, or a new version of its definition.

    Raises InvalidDefinition; ChangedSince, RenamedSince where it is not as ``seen`` any more.
    """
    who = allow(Action.EDIT_AUTOMATIONS)
    with store().engine.begin() as conn:
        changed = automations.update(
            conn, automation_id, now(), who.email, name=name, definition=definition, seen=seen
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
    for read in (listed, names, totals, by_step, versions, places):
        read.clear()
