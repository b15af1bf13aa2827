"""Who is on the way, and what happened to each."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.runs import Passage, Run
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.components.badges import state_text
from segmind.ui.components.empty import empty_state
from segmind.ui.data import automations, customers, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now


def show(automation: Automation, _: Viewer) -> None:
    """The newest runs; one of them in detail when it is opened."""
    state = st.pills(
        "State",
        ["waiting", "exited", "failed"],
        format_func=lambda each: {"waiting": "Waiting", "exited": "Finished"}.get(each, "Failed"),
        key="aut_state",
        label_visibility="collapsed",
    )
    found = automations.list_runs(automation.id, state, None)
    if not found:
        empty_state(
            "No runs",
            "Whoever triggers the automation while it is on shows here.",
            icon="directions_run",
            key="runs",
        )
        return
    people = {row.id: row for row in customers.rows(tuple({run.customer_id for run in found}))}
    for run in found:
        person = people.get(run.customer_id)
        name = (
            figures.mask_name(person.first_name, person.last_name)
            if person and (person.first_name or person.last_name)
            else f"Customer {run.customer_id}"
        )
        _one(automation, run, name)


def _one(automation: Automation, run: Run, name: str) -> None:
    reason = (run.exit_reason or "").replace("_", " ")
    due = f"next step {figures.ago(run.due_at, now())}" if run.due_at else reason
    with st.expander(
        f"{name} {state_text(run.state)} :gray[entered {figures.ago(run.entered_at, now())} · "
        f"{due}]",
        key=f"aut_run_{run.id}",
        on_change="rerun",
    ) as box:
        if not box.open:
            return
        _, passages = automations.run_history(run.id)
        zone = workspace.settings().zone
        ids = [step.id for step in automation.definition.steps]
        lines = [
            f":gray[{figures.instant(each.at, zone)}] {_step(each, ids)}: {_said(each)}"
            for each in passages
        ]
        st.markdown("\n\n".join(lines) or "Nothing happened yet.")
        st.page_link(
            page("customer"), label="Open the customer", query_params={"id": str(run.customer_id)}
        )


def _step(passage: Passage, ids: list[str]) -> str:
    return f"step {ids.index(passage.step) + 1}" if passage.step in ids else passage.step


def _said(passage: Passage) -> str:
    reason = (passage.detail or {}).get("reason")
    return f"**{passage.outcome}**" + (f" ({str(reason).replace('_', ' ')})" if reason else "")
