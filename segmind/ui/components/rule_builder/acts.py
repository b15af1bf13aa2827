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


def where(
    data: dict[str, Any],
    vocabulary: Vocabulary,
    *,
    key: str,
    name: str = "where",
    of: str = "event",
    what: str = "",
) -> list[dict[str, Any]]:
    """The comparisons under ``data[name]``, a line each, and the button for another one.

    ``of`` holds the event that they compare; ``what`` says whose they are, where a row has several.
    Returns them.
    """
    if data.get(of) == SESSION:
        return []
    tests: list[dict[str, Any]] = list(data.get(name) or ())
    made: list[dict[str, Any]] = []
    for index, test in enumerate(tests):
        own = test.setdefault("_id", fresh_id())
        with st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{key}_{own}"
        ):
            inputs.word(":gray[and]" if index else f":gray[{what}where]")
            now = comparison(test, vocabulary, key=f"{key}_{own}", of_event=True)
            st.button(
                ":material/close:",
                help="Remove this comparison",
                type="tertiary",
                key=f"{key}_{own}_drop",
                on_click=_drop,
                args=(data, name, own),
            )
        made.append({**now, "_id": own})
    st.button(
        "and where …" if tests else f"{what}where …",
        icon=":material/add:",
        type="tertiary",
        key=f"{key}_{name}",
        on_click=_add,
        args=(data, name),
        help="Only those events whose product, value or property fits",
    )
    return made


def in_place(data: dict[str, Any], vocabulary: Vocabulary, *, key: str, what: str = "") -> None:
    """The comparisons of an act that is a part of a condition; the act itself is changed."""
    data["where"] = where(data, vocabulary, key=key, what=what)


def _add(data: dict[str, Any], name: str) -> None:
    test = {"field": "product.category", "op": "is", "value": "", "_id": fresh_id()}
    data[name] = [*(data.get(name) or ()), test]


def _drop(data: dict[str, Any], name: str, own: str) -> None:
    data[name] = [test for test in data.get(name) or () if test.get("_id") != own]
