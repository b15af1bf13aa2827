"""An act in a row: the event, and the comparisons that it must satisfy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from segmind.segments.acts import SESSION, phrase
from segmind.ui.components.rule_builder import inputs
from segmind.ui.components.rule_builder.comparison import comparison
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.tree import fresh_id

Say = Callable[[str], str]


def past(event: str) -> str:
    """``viewed a product``."""
    return phrase(event).past


def base(event: str) -> str:
    """``view a product``."""
    return phrase(event).base


def noun(event: str) -> str:
    """``product views``."""
    return f"{phrase(event).noun}s"


def event(given: str, vocabulary: Vocabulary, *, key: str, say: Say = past) -> str:
    """The choice of an event."""
    return str(
        inputs.choice("Event", vocabulary.events, given, key=f"{key}_event", say=say, width=190)
    )


def where(data: dict[str, Any], vocabulary: Vocabulary, *, key: str) -> list[dict[str, Any]]:
    """The comparisons, a line each, and the button for another one; returns them."""
    if data.get("event") == SESSION:
        return []
    tests: list[dict[str, Any]] = list(data.get("where") or ())
    made: list[dict[str, Any]] = []
    for index, test in enumerate(tests):
        own = test.setdefault("_id", fresh_id())
        with st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{key}_{own}"
        ):
            inputs.word(":gray[and]" if index else ":gray[where]")
            now = comparison(test, vocabulary, key=f"{key}_{own}", of_event=True)
            st.button(
                ":material/close:",
                help="Remove this comparison",
                type="tertiary",
                key=f"{key}_{own}_drop",
                on_click=_drop,
                args=(data, own),
            )
        made.append({**now, "_id": own})
    st.button(
        "and where …" if tests else "where …",
        icon=":material/add:",
        type="tertiary",
        key=f"{key}_where",
        on_click=_add,
        args=(data,),
        help="Only those events whose product, value or property fits",
    )
    return made


def _add(data: dict[str, Any]) -> None:
    test = {"field": "product.category", "op": "is", "value": "", "_id": fresh_id()}
    data["where"] = [*(data.get("where") or ()), test]


def _drop(data: dict[str, Any], own: str) -> None:
    data["where"] = [test for test in data.get("where") or () if test.get("_id") != own]
