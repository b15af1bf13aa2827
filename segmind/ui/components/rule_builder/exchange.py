"""The rule as JSON: to look at and copy, and to put in."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from segmind.segments.fault import InvalidRule
from segmind.segments.rule import parse
from segmind.ui.components.rule_builder.builder import replace


def exchange(rule: dict[str, Any], *, key: str) -> None:
    """A small window with the rule's JSON, in which another one can be put in its place."""
    with st.popover("JSON", icon=":material/data_object:", key=f"{key}_json"):
        st.caption("This rule, as the API takes it")
        st.code(json.dumps(rule, indent=2, ensure_ascii=False), language="json", height=260)
        st.text_area("Put another rule in its place", key=f"{key}_json_in", height=120)
        refused = st.session_state.get(f"{key}_json_refused")
        if refused:
            st.warning(refused, icon=":material/edit:")
        st.button("Use this rule", key=f"{key}_json_use", on_click=_use, args=(key,))


def _use(key: str) -> None:
    given = st.session_state.get(f"{key}_json_in") or ""
    try:
        rule = parse(given)
    except InvalidRule as error:
        where = f" (at {error.field})" if error.field else ""
        st.session_state[f"{key}_json_refused"] = f"{error.message}{where} {error.hint}".strip()
        return
    replace(key, rule.as_json())
