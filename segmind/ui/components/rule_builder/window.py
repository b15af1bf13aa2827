"""When something must have happened: the last N days, between two days, ever."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import streamlit as st

from segmind import clock
from segmind.ui.components.rule_builder import inputs

_KINDS = {"last": "in the last", "between": "between", "ever": "ever"}
_UNITS = ("minutes", "hours", "days", "weeks")


def window(data: dict[str, Any] | None, *, key: str) -> dict[str, Any]:
    """The window as it ends the sentence; returns it as JSON."""
    given = data or {"type": "last", "amount": 30, "unit": "days"}
    kind = inputs.choice(
        "Window", list(_KINDS), given.get("type", "last"), key=f"{key}_kind",
        say=lambda each: _KINDS[each], width=125,
    )  # fmt: skip
    if kind == "ever":
        return {"type": "ever"}
    if kind == "last":
        amount = inputs.whole("Amount", given.get("amount", 30), key=f"{key}_amount", low=1)
        return {"type": "last", "amount": amount, "unit": unit(given.get("unit"), key=key)}
    today = clock.now().date()
    since = _day("From", given.get("since"), today - timedelta(days=30), f"{key}_since")
    inputs.word("and")
    until = _day("To", given.get("until"), today, f"{key}_until")
    return {"type": "between", "since": since, "until": until}


def duration(data: dict[str, Any] | None, *, key: str, amount: int = 30) -> dict[str, Any]:
    """A length of time; returns it as JSON."""
    given = data or {"amount": amount, "unit": "days"}
    typed = inputs.whole("Amount", given.get("amount", amount), key=f"{key}_amount")
    return {"amount": typed, "unit": unit(given.get("unit"), key=key)}


def unit(given: str | None, *, key: str) -> str:
    """Minutes, hours, days or weeks."""
    return str(inputs.choice("Unit", _UNITS, given or "days", key=f"{key}_unit", width=105))


def _day(label: str, given: Any, otherwise: date, key: str) -> str:
    first = date.fromisoformat(given) if isinstance(given, str) else otherwise
    picked = st.date_input(
        label, key=inputs.seeded(key, first), label_visibility="collapsed", width=145
    )
    return picked.isoformat() if isinstance(picked, date) else first.isoformat()
