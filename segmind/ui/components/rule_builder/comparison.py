"""One field compared with one value: ``country is DE``."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from segmind import clock
from segmind.segments.fields import FieldType
from segmind.segments.operators import operators_for
from segmind.ui.components.rule_builder import inputs, words
from segmind.ui.components.rule_builder.inputs import Vocabulary

#: Operators whose value is a number of days, with the one to begin with.
_COUNTS_DAYS = {
    "in_last_days": 30,
    "more_than_days_ago": 30,
    "in_next_days": 7,
    "anniversary_in_days": 7,
}
_MOST_DAYS = {"anniversary_in_days": 365}
_NO_VALUE = {"is_set", "is_not_set"}
_SEVERAL = {"any_of", "none_of"}
_DAYS = {FieldType.DAY, FieldType.INSTANT}


def comparison(
    data: dict[str, Any], vocabulary: Vocabulary, *, key: str, of_event: bool
) -> dict[str, Any]:
    """Field, operator and value in a line; returns the comparison as it stands."""
    names = vocabulary.event_fields() if of_event else vocabulary.customer_fields()
    name = inputs.field_choice("Field", names, data.get("field", names[0]), key=f"{key}_field")
    kind = inputs.field_type(name, of_event=of_event)
    same = name == data.get("field")
    first = data.get("op") if same else words.FIRST_OPERATOR[kind]
    op = inputs.choice(
        "Operator",
        operators_for(kind),
        first,
        key=f"{key}_op_{name}",
        say=lambda each: words.OPERATORS.get(each, each.replace("_", " ")),
        width=160,
    )
    given = data.get("value") if same and op == data.get("op") else None
    made: dict[str, Any] = {"field": name, "op": op}
    if op not in _NO_VALUE:
        made["value"] = _value(name, kind, op, given, vocabulary, f"{key}_{name}_{op}")
    return made


def _value(
    name: str, kind: FieldType, op: str, given: Any, vocabulary: Vocabulary, key: str
) -> Any:
    if op in _COUNTS_DAYS:
        days = given if isinstance(given, int) else _COUNTS_DAYS[op]
        counted = inputs.whole("Days", days, key=key, high=_MOST_DAYS.get(op, 36_500))
        inputs.word("days ago" if op == "more_than_days_ago" else "days")
        return counted
    if op == "in_month":
        months: list[Any] = ["current", *range(1, 13)]
        return inputs.choice("Month", months, given or "current", key=key, say=_month)
    known = vocabulary.values.get(name, ())
    if op in _SEVERAL:
        typed = inputs.several("Values", known, list(given or []), key=key, new=True)
        return [_open(each, kind) for each in typed]
    if op == "between":
        low, high = given or (None, None)
        first = _one(kind, op, low, vocabulary, (), f"{key}_low")
        inputs.word("and")
        return [first, _one(kind, op, high, vocabulary, (), f"{key}_high")]
    return _one(kind, op, given, vocabulary, known, key)


def _one(kind: FieldType, op: str, given: Any, vocabulary: Vocabulary, known: Any, key: str) -> Any:
    if kind in _DAYS or op in {"before", "after"}:
        day = date.fromisoformat(given) if isinstance(given, str) else clock.now().date()
        picked = st.date_input(
            "Day", key=inputs.seeded(key, day), label_visibility="collapsed", width=150
        )
        return picked.isoformat() if isinstance(picked, date) else day.isoformat()
    if kind is FieldType.MONEY:
        amount = inputs.money("Amount", given or 0, vocabulary.currency, key=key)
        inputs.word(vocabulary.currency)
        return amount
    if kind is FieldType.FLAG:
        return inputs.choice(
            "Value", [True, False], given if given is not None else True, key=key,
            say=lambda each: "yes" if each else "no", width=90,
        )  # fmt: skip
    if kind is FieldType.NUMBER or (kind is FieldType.OPEN and op in _NUMERIC):
        typed = st.number_input(
            "Number",
            step=1.0,
            format="%g",
            key=inputs.seeded(key, float(given or 0)),
            label_visibility="collapsed",
            width=130,
        )
        return int(typed) if float(typed).is_integer() else float(typed)
    return _open(inputs.text("value", _shown(given), known, key=key), kind)


_NUMERIC = {"greater", "at_least", "less", "at_most", "between"}


def _open(typed: Any, kind: FieldType) -> Any:
    """What an open field's text means: true, false, a number or a text."""
    if kind is not FieldType.OPEN or not isinstance(typed, str):
        return typed
    if typed.lower() in {"true", "false"}:
        return typed.lower() == "true"
    try:
        number = float(typed)
    except ValueError:
        return typed
    return int(number) if number.is_integer() else number


def _shown(given: Any) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    return "" if given is None else str(given)


def _month(value: Any) -> str:
    return "this month" if value == "current" else words.MONTHS[int(value) - 1]
