"""Back-test: what the automation would have done, before it is switched on."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.backtest.result import Backtest
from segmind.automations.definition import Definition
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.empty import empty_state
from segmind.ui.components.period_picker import Stretch, period_picker
from segmind.ui.components.work import work
from segmind.ui.data import automations, backtests
from segmind.ui.views.automations import backtest_charts, backtest_sums, editing
from segmind.workspace.permissions import Action

_DRAFT = "Draft"
_NONE = "nothing"


@dataclass(frozen=True)
class _Choice:
    stretch: Stretch
    named: dict[str, Definition]  # what is replayed, by what it is called; the second beside it


def show(automation: Automation, viewer: Viewer) -> None:
    """The choice, then the figures; two versions side by side where asked."""
    with problems.shown("Back-test"):
        chosen = _chosen(automation, viewer)
        if chosen is None:
            return
        definitions = list(chosen.named.values())
        price = backtests.price(definitions, chosen.stretch.asked, automation.id)
        found = work(
            (chosen.stretch, tuple(each.model_dump_json() for each in definitions)),
            lambda: backtests.begin(definitions, chosen.stretch.asked, automation.id),
            price=str(price),
            is_free=price.is_free,
            label="Replay it",
            key=f"bt_{automation.id}_work",
        )
        if found is not None:
            _result(dict(zip(chosen.named, found, strict=True)))


def _chosen(automation: Automation, viewer: Viewer) -> _Choice | None:
    known = _definitions(automation, viewer)
    if known is None:
        return None
    names = list(known)
    with st.container(horizontal=True, vertical_alignment="bottom", key="bt_choice"):
        stretch = period_picker("bt_range", default="30d", dates=True)
        what = st.selectbox("Replay", names, key=f"bt_what_{automation.id}", width=180)
        others = [_NONE, *(name for name in names if name != what)]
        beside = st.selectbox(
            "Beside",
            others,
            key=f"bt_beside_{automation.id}",
            width=180,
            help="Another version, side by side. Change a step under Steps and compare the draft, "
            "unsaved, with what is saved.",
            disabled=len(others) == 1,
        )
    chosen = [what or names[0], *([beside] if beside and beside != _NONE else [])]
    return _Choice(stretch, {name: known[name] for name in chosen})


def _definitions(automation: Automation, viewer: Viewer) -> dict[str, Definition] | None:
    """What can be replayed: the draft where there is one, then the versions, the newest first."""
    draft = editing.begin(automation, allowed=viewer.may(Action.EDIT_AUTOMATIONS))
    found: dict[str, Definition] = {}
    if draft.changed and draft.definition is not None and not draft.problems:
        found[_DRAFT] = draft.definition
    elif draft.changed:
        st.caption(
            ":orange[The draft cannot be replayed before what is marked in it is put right.]"
        )
    for version in automations.versions(automation.id):
        found[f"Version {version.version}"] = version.definition
    return found or None


def _result(found: dict[str, Backtest]) -> None:
    first = next(iter(found.values()))
    if first.triggers == 0:
        begins = (
            "" if first.log_begins is None else f" The log begins on {first.log_begins:%-d %b %Y}."
        )
        empty_state(
            "Nothing would have started it",
            f"In this period its trigger never came.{begins} Choose a longer period.",
            icon="history",
            key="backtest",
        )
        return
    backtest_sums.show(found)
    backtest_charts.show(found)
    with st.expander("What is taken as it is now, and what the past cannot tell", key="bt_notes"):
        st.markdown("\n".join(f"- {note}" for note in first.notes))
