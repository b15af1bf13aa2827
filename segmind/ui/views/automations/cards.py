"""The definition as cards that read like a sentence, each with its numbers and its menu."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.automations.definition import Definition
from segmind.automations.describe import Line
from segmind.automations.numbers import StepCounts
from segmind.ui import figures
from segmind.ui.views.automations import content, draft, editing, ends_form, forms, trigger_form
from segmind.ui.views.automations.editing import Editing
from segmind.ui.views.automations.words import STEPS, plain, step_label

TRIGGER: Final = ":trigger"
ENDS: Final = ":ends"
_MENU: Final = {
    "edit": ":material/edit: Edit",
    "up": ":material/arrow_upward: Move up",
    "down": ":material/arrow_downward: Move down",
    "copy": ":material/content_copy: Duplicate",
    "remove": ":material/delete: Remove",
}


def trigger(now: Editing, text: str) -> None:
    """What starts a run."""
    with st.container(border=True, gap="xsmall", key=f"{now.key}_card_trigger"):
        _head(now, TRIGGER, "bolt", text)
        _faults(now, None, ("trigger", "entry_filter", "key", "re_entry"))
        if editing.opened(now.automation) == TRIGGER and now.allowed:
            made = trigger_form.edit(now.draft, f"{now.key}_trigger")
            _put(now, made)
    _add_button(now, None)


def ends(now: Editing, said: list[str]) -> None:
    """What ends a run at every step."""
    with st.container(border=True, gap="xsmall", key=f"{now.key}_card_ends"):
        _head(now, ENDS, "flag", " ".join(said) or "Nothing ends it before its last step.")
        _faults(now, None, ("goal", "exit_rules"))
        if editing.opened(now.automation) == ENDS and now.allowed:
            _put(now, ends_form.edit(now.draft, f"{now.key}_ends"))


def step(now: Editing, number: int, line: Line | None, counts: StepCounts | None) -> None:
    """One step: what it does, where it leads, how many came; its form when it is open."""
    data = now.draft["steps"][number]
    step_id = data["id"]
    label, icon = STEPS.get(data["kind"], (data["kind"], "help"))
    with st.container(border=True, gap="xsmall", key=f"{now.key}_card_{step_id}"):
        text, menu = st.columns([8, 1], vertical_alignment="top")
        said = plain(line.text) if line is not None else label
        text.markdown(f"**{number + 1}** :material/{icon}: {said}")
        if now.allowed:
            with menu:
                _menu(now, step_id)
        st.caption("  \n".join(filter(None, [_ways(now, line), numbers_of(counts)])))
        _faults(now, step_id, ())
        if editing.opened(now.automation) == step_id and now.allowed:
            _form(now, data)
    _add_button(now, step_id)


def _form(now: Editing, data: dict[str, Any]) -> None:
    key = f"{now.key}_step_{data['id']}"
    others = [
        (other["id"], f"to step {n + 1}: {STEPS[other['kind']][0].lower()}")
        for n, other in enumerate(now.draft["steps"])
        if other["id"] != data["id"]
    ]
    made = content.edit(data, key) if data["kind"] == "send" else forms.edit(data, others, key)
    st.button(
        "Done",
        key=f"{key}_close",
        on_click=editing.open_step,
        args=(now.automation, None),
        help="Closes the form; nothing is saved until you save the automation",
    )
    if made != data:
        draft.change(now.draft, data["id"], made)
        editing.keep(now)


def _put(now: Editing, made: dict[str, Any]) -> None:
    st.button(
        "Done", key=f"{now.key}_part_done", on_click=editing.open_step, args=(now.automation, None)
    )
    if any(now.draft.get(name) != value for name, value in made.items()):
        now.draft.update(made)
        editing.keep(now)


def _head(now: Editing, part: str, icon: str, text: str) -> None:
    said, change = st.columns([8, 1], vertical_alignment="top")
    said.markdown(f":material/{icon}: {plain(text)}")
    if now.allowed:
        is_open = editing.opened(now.automation) == part
        change.button(
            "Close" if is_open else "Edit",
            type="tertiary",
            key=f"{now.key}_open_{part.strip(':')}",
            on_click=editing.open_step,
            args=(now.automation, None if is_open else part),
        )


def _menu(now: Editing, step_id: str) -> None:
    key = f"{now.key}_menu_{step_id}"
    st.menu_button(
        "",
        list(_MENU),
        format_func=_MENU.__getitem__,
        icon=":material/more_horiz:",
        type="tertiary",
        help="Edit, move, copy or remove this step",
        key=key,
        on_click=_do,
        args=(now, step_id, key),
    )


def _do(now: Editing, step_id: str, key: str) -> None:
    match st.session_state.get(key):
        case "edit":
            editing.open_step(now.automation, step_id)
        case "up":
            now.alter(draft.move, step_id, -1)
        case "down":
            now.alter(draft.move, step_id, 1)
        case "copy":
            now.alter(draft.duplicate, step_id)
        case "remove":
            now.alter(draft.remove, step_id)


def _add_button(now: Editing, after: str | None) -> None:
    if not now.allowed:
        return
    key = f"{now.key}_add_{after or 'first'}"
    with st.container(horizontal_alignment="center"):
        st.menu_button(
            "",
            list(draft.NEW),
            format_func=step_label,
            icon=":material/add:",
            type="tertiary",
            help="Add a step here",
            key=key,
            on_click=_add,
            args=(now, after, key),
        )


def _add(now: Editing, after: str | None, key: str) -> None:
    kind = st.session_state.get(key)
    if kind:
        now.alter(draft.add, kind, after)


def _faults(now: Editing, step_id: str | None, fields: tuple[str, ...]) -> None:
    for problem in now.of_step(step_id):
        if step_id is not None or problem.field.startswith(fields):
            hint = f" {problem.hint}" if problem.hint else ""
            st.markdown(f":red[:material/error: {plain(problem.message)}{plain(hint)}]")


def others(now: Editing) -> None:
    """What is wrong with the whole, not with a part that has a card."""
    known = ("trigger", "entry_filter", "key", "re_entry", "goal", "exit_rules")
    for problem in now.of_step(None):
        if not problem.field.startswith(known):
            st.markdown(f":red[:material/error: {plain(problem.message)} {plain(problem.hint)}]")


def _ways(now: Editing, line: Line | None) -> str:
    if line is None or now.definition is None:
        return ""
    return " · ".join(
        f"{label or 'then'} → {_target(now.definition, target)}"
        for label, target in line.leads_to
        if label or target is None
    )


def _target(definition: Definition, target: str | None) -> str:
    if target is None:
        return "leaves"
    return f"step {[each.id for each in definition.steps].index(target) + 1}"


def numbers_of(counts: StepCounts | None) -> str:
    """A step's counts in a line."""
    if counts is None or not counts.entered:
        return "Nobody came here yet"
    named = {
        "waiting now": counts.waiting,
        "went on": counts.passed,
        "sent": counts.sent,
        "not sent": counts.skipped,
        **counts.ways,
        "left here": counts.exited - counts.converted,
        "reached the goal here": counts.converted,
    }
    parts = [f"{figures.count(counts.entered)} came"]
    parts += [f"**{figures.count(n)}** {name}" for name, n in named.items() if n > 0]
    if counts.failed:
        parts.append(f":red[**{figures.count(counts.failed)}** failed]")
    return " · ".join(parts)
