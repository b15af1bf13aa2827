"""The form of what ends a run at every step: the goal, and exit rules."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.ui.components.rule_builder import inputs
from segmind.ui.views.automations import forms

Json = dict[str, Any]


def edit(draft: Json, key: str) -> Json:
    """The form; goal and exit rules as they are now."""
    return {"goal": _goal(draft.get("goal"), f"{key}_goal"), "exit_rules": _rules(draft, key)}


def _goal(given: Json | None, key: str) -> Json | None:
    has = st.checkbox(
        "It has a goal: who reaches it leaves at once",
        key=inputs.seeded(f"{key}_has", given is not None),
    )
    if not has:
        return None
    held = given or {"event": "order", "where": [], "name": "Ordered"}
    made = forms.act(held, key, "The goal: they")
    return {**held, **made}


def _rules(draft: Json, key: str) -> list[Json]:
    st.markdown("**They also leave when**")
    made: list[Json] = []
    rules: list[Json] = list(draft.get("exit_rules") or ())
    for n, rule in enumerate(rules):
        own = f"{key}_rule_{n}_{len(rules)}"
        with st.container(border=True, key=own):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                reason = st.text_input(
                    "Reason", key=inputs.seeded(f"{own}_reason", rule["reason"]), width=280
                )
                removed = st.button(
                    ":material/delete:", key=f"{own}_remove", type="tertiary", help="Remove it"
                )
            if rule.get("event") is not None:
                changed = {**rule, **forms.act(rule, own)}
            else:
                changed = {**rule, "rule": forms.rule(rule["rule"], key=f"{own}_rule")}
            if not removed:
                made.append({**changed, "reason": reason or ""})
    with st.container(horizontal=True):
        if st.button("They do something", key=f"{key}_add_event", icon=":material/add:"):
            made.append({"reason": "did it", "event": "product_added", "where": [], "rule": None})
        if st.button("They match a rule", key=f"{key}_add_rule", icon=":material/add:"):
            rule = {"type": "consent", "channel": "email", "status": "no"}
            made.append({"reason": "does not fit any more", "event": None, "rule": rule})
    return made
