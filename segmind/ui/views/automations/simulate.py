"""Simulate one person: what would happen to them, why, and what they would be sent."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.backtest.simulating import Happened, Letter, Simulated
from segmind.automations.definition import Definition
from segmind.customers.queries import CustomerRow
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import channel_label
from segmind.ui.components.empty import empty_state
from segmind.ui.components.explained import verdicts
from segmind.ui.components.moment_picker import moment_picker
from segmind.ui.data import backtests, customers, workspace
from segmind.ui.views.automations import editing
from segmind.ui.views.automations.words import OUTCOMES, STEPS, plain
from segmind.workspace.permissions import Action

_THEN, _ELSE = "When they last triggered it", "Another moment"


def show(automation: Automation, viewer: Viewer) -> None:
    """The choice of a person and a start, then their way."""
    draft = editing.begin(automation, allowed=viewer.may(Action.EDIT_AUTOMATIONS))
    definition = draft.definition if draft.definition and not draft.problems else None
    if draft.changed:
        st.caption(
            "This follows the draft, which is not saved."
            if definition
            else ":orange[The draft cannot be followed yet: this follows what is saved.]"
        )
    definition = definition or automation.definition
    with problems.shown("Simulate"):
        person = _person(automation)
        if person is None:
            return
        start = _start(automation, definition, person)
        found = backtests.simulated(definition, person, start, automation.id)
        _way(found, definition)


def _person(automation: Automation) -> int | None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="sim_choice"):
        sought = st.text_input(
            "Customer",
            key=f"sim_who_{automation.id}",
            placeholder="Name, e-mail, phone or id",
            type="search",
            width=280,
        )
        people = customers.search(sought, None, True).customers[:10] if sought else ()
        if people:
            by_id = {row.id: row for row in people}
            return st.selectbox(
                "Found",
                list(by_id),
                format_func=lambda each: f"{_name(by_id[each])} · {each}",
                key=f"sim_found_{automation.id}",
                width=220,
            )
    if sought:
        st.caption("Nobody of that name, address or id is there.")
    else:
        empty_state(
            "Whom shall it follow?",
            "Search a customer: you see each step, why each branch is taken, and what they would "
            "be sent. Nothing is sent.",
            icon="person_search",
            key="simulate",
        )
    return None


def _name(row: CustomerRow) -> str:
    return figures.mask_name(row.first_name, row.last_name)


def _start(automation: Automation, definition: Definition, person: int) -> datetime | None:
    last = backtests.last_trigger(definition, person)
    if last is None:
        return moment_picker(f"sim_at_{automation.id}", label="Triggered")
    zone = workspace.settings().zone
    which = st.segmented_control(
        "Triggered",
        [_THEN, _ELSE],
        default=_THEN,
        required=True,
        key=f"sim_when_{automation.id}",
        help=f"They last did it on {figures.instant(last, zone)}.",
    )
    return last if which == _THEN else moment_picker(f"sim_at_{automation.id}", label="Triggered")


def _way(found: Simulated, definition: Definition) -> None:
    zone = workspace.settings().zone
    st.markdown(f":gray[{figures.instant(found.started_at, zone)}] **triggered**")
    if found.enters is not None:
        with st.container(border=True, key="sim_enters"):
            st.markdown(
                "Meets the entry filter."
                if found.enters.met
                else ":orange[Does not meet the entry filter: they would not enter. Followed all "
                "the same.]"
            )
            verdicts(found.enters)
    letters = {(letter.step, letter.at): letter for letter in found.letters}
    for n, each in enumerate(found.happened):
        _line(each, definition, n)
        if each.outcome in {"sent", "skipped"} and (each.step, each.at) in letters:
            _letter(letters[each.step, each.at], n)
    if found.ended_at is None:
        st.markdown(":gray[It waits on: nothing more has happened.]")
    else:
        reason = (found.reason or "").replace("_", " ")
        st.markdown(f":gray[{figures.instant(found.ended_at, zone)}] **left:** {plain(reason)}")


def _line(each: Happened, definition: Definition, n: int) -> None:
    if each.outcome == "exited":
        return
    zone = workspace.settings().zone
    number, kind = next(
        (number, step.kind)
        for number, step in enumerate(definition.steps, start=1)
        if step.id == each.step
    )
    detail = each.detail or {}
    told = [str(value) for name, value in detail.items() if name in {"reason", "days"}]
    said = each.outcome.removeprefix("branch:")
    said = OUTCOMES.get(said, said) + (f" ({plain(', '.join(told))})" if told else "")
    st.markdown(
        f":gray[{figures.instant(each.at, zone)}] step {number}, {STEPS[kind][0].lower()}: "
        f"**{said}**"
    )
    if each.why is not None:
        with st.container(border=True, key=f"sim_why_{n}"):
            verdicts(each.why)


def _letter(letter: Letter, n: int) -> None:
    zone = workspace.settings().zone
    with st.container(border=True, key=f"sim_letter_{n}"):
        st.markdown(
            f"{channel_label(letter.channel)} · "
            + (
                f":orange[would not leave: {plain(letter.blocked)}]"
                if letter.leaves_at is None
                else f"would leave on {figures.instant(letter.leaves_at, zone)}"
            )
        )
        if letter.title:
            st.markdown(f"**{plain(letter.title)}**")
        st.text(letter.text)
