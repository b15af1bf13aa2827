"""When something must have happened: the last N days, this month, between two days, ever."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import streamlit as st

from segmind import clock
from segmind.ui.components.rule_builder import inputs

_KINDS = {
    "last": "in the last",
    "calendar": "in",
    "between": "between",
    "since": "since",
    "before": "before",
    "ago": "longer ago than",
    "ever": "ever",
}
_UNITS = ("minutes", "hours", "days", "weeks")
#: Periods of the calendar that have a name; others are said by how far back they lie.
_PERIODS = {
    ("day", 0): "today",
    ("day", 1): "yesterday",
    ("week", 0): "this week",
    ("week", 1): "last week",
    ("month", 0): "this month",
    ("month", 1): "last month",
    ("quarter", 0): "this quarter",
    ("quarter", 1): "last quarter",
    ("year", 0): "this year",
    ("year", 1): "last year",
}


def window(data: dict[str, Any] | None, *, key: str) -> dict[str, Any]:
    """The window as it ends the sentence; returns it as JSON."""
    given = data or {"type": "last", "amount": 30, "unit": "days"}
    kind = inputs.choice(
        "Window", list(_KINDS), given.get("type", "last"), key=f"{key}_kind",
        say=lambda each: _KINDS[each], width=145,
    )  # fmt: skip
    if kind == "ever":
        return {"type": "ever"}
    if kind == "last":
        first = given if given.get("type") == "last" else {}
        amount = inputs.whole("Amount", first.get("amount", 30), key=f"{key}_amount", low=1)
        return {"type": "last", "amount": amount, "unit": unit(first.get("unit"), key=key)}
    if kind == "calendar":
        return _calendar(given, key)
    if kind == "ago":
        return _ago(given, key)
    today = clock.now().date()
    if kind in {"since", "before"}:
        day = _day("Day", given.get("day"), today - timedelta(days=30), f"{key}_{kind}_day")
        return {"type": kind, "day": day}
    since = _day("From", given.get("since"), today - timedelta(days=30), f"{key}_since")
    inputs.word("and")
    until = _day("To", given.get("until"), today, f"{key}_until")
    return {"type": "between", "since": since, "until": until}


def _calendar(given: dict[str, Any], key: str) -> dict[str, Any]:
    first = (given.get("period", "month"), given.get("back", 0))
    period, back = inputs.choice(
        "Period", list(_PERIODS), first, key=f"{key}_period", width=150,
        say=lambda each: _PERIODS.get(each, f"{each[1]} {each[0]}s ago"),
    )  # fmt: skip
    return {"type": "calendar", "period": period, "back": back}


def _ago(given: dict[str, Any], key: str) -> dict[str, Any]:
    newest = duration(given.get("newest"), key=f"{key}_newest", low=1)
    limits = {False: "at any time", True: "but at most"}
    limited = inputs.choice(
        "Limit", list(limits), given.get("oldest") is not None, key=f"{key}_limited",
        say=limits.__getitem__, width=125,
    )  # fmt: skip
    if not limited:
        return {"type": "ago", "newest": newest}
    twice = {"amount": newest["amount"] * 2, "unit": newest["unit"]}
    oldest = duration(given.get("oldest") or twice, key=f"{key}_oldest", low=1)
    inputs.word("ago")
    return {"type": "ago", "newest": newest, "oldest": oldest}


def duration(
    data: dict[str, Any] | None, *, key: str, amount: int = 30, low: int = 0
) -> dict[str, Any]:
    """A length of time; returns it as JSON."""
    given = data or {"amount": amount, "unit": "days"}
    typed = inputs.whole("Amount", given.get("amount", amount), key=f"{key}_amount", low=low)
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
