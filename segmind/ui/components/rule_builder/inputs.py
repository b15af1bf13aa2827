"""The small inputs of a row. Each takes a value and gives the value it holds now.

Inputs are keyed, and seeded once from the rule: afterwards the widget is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import streamlit as st

from segmind.segments.fields import CUSTOMER_FIELDS, EVENT_FIELDS, FieldType
from segmind.ui.components.rule_builder.words import FIELDS, field_label
from segmind.workspace.currency import decimals


@dataclass(frozen=True)
class Vocabulary:
    """What a rule can speak of in this workspace."""

    events: Sequence[str] = ()
    traits: Sequence[str] = ()  # names without the prefix
    properties: Sequence[str] = ()
    segments: dict[int, str] = field(default_factory=dict)
    campaigns: dict[int, str] = field(default_factory=dict)
    automations: dict[int, str] = field(default_factory=dict)
    #: Known values of a field, most frequent first: countries, categories, brands.
    values: dict[str, Sequence[str]] = field(default_factory=dict)
    currency: str = "USD"
    #: How an event is said: "viewed a product".
    say_event: Callable[[str], str] = str

    def customer_fields(self) -> list[str]:
        return [*CUSTOMER_FIELDS, *(f"traits.{name}" for name in self.traits)]

    def event_fields(self) -> list[str]:
        return [*EVENT_FIELDS, *(f"properties.{name}" for name in self.properties)]


def seeded(key: str, value: Any) -> str:
    """Give the widget of ``key`` its first value; returns the key."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def word(text: str) -> None:
    """A word of the sentence between two inputs."""
    st.markdown(text, width="content")


def choice(
    label: str,
    options: Sequence[Any],
    value: Any,
    *,
    key: str,
    say: Callable[[Any], str] = str,
    width: int = 170,
) -> Any:
    """One of the options; a value that is not among them is added."""
    known = list(options) if value in options or value is None else [*options, value]
    if key in st.session_state and st.session_state[key] not in known:
        del st.session_state[key]
    return st.selectbox(
        label,
        known,
        key=seeded(key, value if value is not None else (known[0] if known else None)),
        format_func=say,
        label_visibility="collapsed",
        width=width,
    )


def several(
    label: str,
    options: Sequence[Any],
    values: Sequence[Any],
    *,
    key: str,
    say: Callable[[Any], str] = str,
    new: bool = False,
    width: int = 280,
) -> list[Any]:
    """Some of the options; with ``new``, also what is typed."""
    held = st.session_state.get(key, list(values))
    known = list(dict.fromkeys([*options, *values, *held]))
    return st.multiselect(
        label,
        known,
        key=seeded(key, list(values)),
        format_func=say,
        accept_new_options=new,
        label_visibility="collapsed",
        placeholder=label,
        width=width,
    )


def whole(
    label: str, value: int, *, key: str, low: int = 0, high: int = 10**9, width: int = 84
) -> int:
    """A whole number."""
    typed: int = st.number_input(
        label,
        low,
        high,
        step=1,
        key=seeded(key, int(value)),
        label_visibility="collapsed",
        width=width,
    )
    return int(typed)


def percent(label: str, value: float, *, key: str, width: int = 120) -> float:
    """A share, typed in per cent: 10 stands for 0.1."""
    typed = st.number_input(
        label,
        0.0,
        100_000.0,
        step=1.0,
        format="%g",
        key=seeded(key, round(float(value) * 100, 6)),
        label_visibility="collapsed",
        width=width,
    )
    return round(float(typed) / 100, 8)


def decimal(label: str, value: float, *, key: str, width: int = 100) -> float:
    """A number of nothing in particular, 0 or more."""
    typed = st.number_input(
        label,
        0.0,
        1e9,
        step=0.5,
        format="%g",
        key=seeded(key, float(value)),
        label_visibility="collapsed",
        width=width,
    )
    return float(typed)


def money(label: str, value: int, currency: str, *, key: str, width: int = 130) -> int:
    """An amount, typed in major units, in minor units."""
    places = decimals(currency)
    typed: float = st.number_input(
        label,
        -1e12,
        1e12,
        step=1.0,
        format=f"%.{places}f",
        key=seeded(key, float(value) / float(10**places)),
        label_visibility="collapsed",
        width=width,
    )
    return round(typed * float(10**places))


def text(label: str, value: str, options: Sequence[str], *, key: str, width: int = 190) -> str:
    """A text: one of the known values or what is typed."""
    if not options:
        typed = st.text_input(
            label,
            key=seeded(key, value),
            label_visibility="collapsed",
            placeholder=label,
            width=width,
        )
        return typed or ""
    held = st.session_state.get(key, value)
    known = list(dict.fromkeys([*options, *([held] if held else []), *([value] if value else [])]))
    picked = st.selectbox(
        label,
        known,
        key=seeded(key, value or None),
        index=None,
        accept_new_options=True,
        label_visibility="collapsed",
        placeholder=label,
        width=width,
    )
    return str(picked or "")


def field_type(name: str, *, of_event: bool) -> FieldType:
    """What a field holds."""
    known = EVENT_FIELDS if of_event else CUSTOMER_FIELDS
    return known.get(name, FieldType.OPEN)


def field_choice(label: str, names: Sequence[str], value: str, *, key: str) -> str:
    """A field, by what it is called on screen; a custom one is typed with its prefix."""
    return cast(
        str,
        choice(label, names, value or next(iter(FIELDS)), key=key, say=field_label, width=180),
    )
