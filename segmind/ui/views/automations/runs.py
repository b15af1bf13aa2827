"""Who is on the way, and what happened to each."""

from __future__ import annotations

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.runs import Passage, Run
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import state_text
from segmind.ui.components.confirm import say
from segmind.ui.components.empty import empty_state
from segmind.ui.data import automations, customers, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.automations.words import OUTCOMES, STEPS
from segmind.workspace.permissions import Action

_PAGE = 50


def show(automation: Automation, viewer: Viewer) -> None:
    """The newest runs, or one customer's; one of them in detail when it is opened."""
    state, step, customer = _choice(automation)
    allowed = viewer.may(Action.EDIT_AUTOMATIONS)
    failed = automations.totals(automation.id).failed
    if failed:
        _failures(automation, failed, allowed)
    before = st.session_state.get("aut_runs_before")
    found = automations.list_runs(automation.id, state, before, step=step, customer_id=customer)
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
        _one(automation, run, name, allowed)
    with st.container(horizontal=True):
        if before and st.button("The newest", key="aut_runs_first"):
            st.session_state.pop("aut_runs_before", None)
            st.rerun()
        if len(found) == _PAGE and st.button("Older ones", key="aut_runs_older"):
            st.session_state["aut_runs_before"] = found[-1].id
            st.rerun()


def _choice(automation: Automation) -> tuple[str | None, str | None, int | None]:
    ids = [step.id for step in automation.definition.steps]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.pills(
            "State",
            ["waiting", "exited", "failed"],
            format_func=lambda each: {"waiting": "Waiting", "exited": "Finished"}.get(
                each, "Failed"
            ),
            key="aut_state",
            bind="query-params",
        )
        step = st.selectbox(
            "At step",
            [None, *ids],
            format_func=lambda each: "any" if each is None else _name(each, automation),
            key="aut_at",
            width=280,
        )
        sought = st.text_input(
            "Customer",
            key="aut_who",
            placeholder="Name, e-mail, phone or id",
            type="search",
            width=260,
        )
    if not sought:
        return state, step, None
    found = customers.search(sought, None, True).customers[:1]
    return state, step, found[0].id if found else -1


def _failures(automation: Automation, failed: int, allowed: bool) -> None:
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key="aut_failures"
    ):
        st.markdown(
            f":red[:material/error: **{figures.plural(failed, 'run')} failed.**] Each says why "
            "below. The others went on.",
            width="stretch",
        )
        if st.button("Try all of them again", disabled=not allowed, key="aut_retry_all"):
            with problems.shown("Try again"):
                tried = automations.try_again(automation.id)
                say(f"{figures.plural(tried, 'run')} will go on.")
                st.rerun()


def _one(automation: Automation, run: Run, name: str, allowed: bool) -> None:
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
        begun = [f":gray[{figures.instant(run.triggered_at, zone)}] triggered"]
        lines = [
            f":gray[{figures.instant(each.at, zone)}] {_name(each.step, automation)}: {_said(each)}"
            for each in passages
        ]
        if run.due_at is not None:
            lines.append(
                f":gray[{figures.instant(run.due_at, zone)}] next: "
                f"{_name(run.step or '', automation)}"
            )
        st.markdown("\n\n".join(begun + lines))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                page("customer"),
                label="Open the customer",
                query_params={"id": str(run.customer_id)},
            )
            st.caption(f"Follows version {run.version}", width="content")
            if run.state == "failed" and st.button(
                "Try again", disabled=not allowed, key=f"aut_retry_{run.id}"
            ):
                with problems.shown("Try again"):
                    automations.try_again(automation.id, run.id)
                    st.rerun()


def _name(step_id: str, automation: Automation) -> str:
    steps = list(automation.definition.steps)
    for number, step in enumerate(steps, start=1):
        if step.id == step_id:
            return f"step {number}, {STEPS[step.kind][0].lower()}"
    return step_id.replace("_", " ")


def _said(passage: Passage) -> str:
    detail = passage.detail or {}
    outcome = passage.outcome
    if outcome.startswith("branch:"):
        return f"**{outcome.removeprefix('branch:')}**"
    told = detail.get("reason") or detail.get("error") or detail.get("channel")
    said = OUTCOMES.get(outcome, outcome)
    return f"**{said}**" + (f" ({str(told).replace('_', ' ')})" if told else "")
