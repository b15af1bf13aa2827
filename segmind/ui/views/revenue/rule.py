"""Which rule the page credits by."""

from __future__ import annotations

import streamlit as st

from segmind.analytics.rule import Rule
from segmind.ui.data import earned


def rule_picker(key: str) -> Rule:
    """Show the choice, kept in the address under ``key`` by the rule's name."""
    named = {rule.name: rule for rule in earned.choices().values()}
    first = next(iter(named))
    chosen = st.selectbox(
        "Attribution rule",
        list(named),
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        help="How orders are credited to messages. Compare them all under Attribution.",
        width=240,
    )
    return named.get(chosen or first, named[first])
