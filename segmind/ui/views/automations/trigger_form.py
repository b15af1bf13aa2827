"""The form of what starts a run: trigger, entry filter, key, re-entry."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.automations.describe import DAYS as DAY_NAMES
from segmind.automations.part import WEEKDAYS
from segmind.ui.components.rule_builder import inputs
from segmind.ui.data import segments
from segmind.ui.views.automations import forms
from segmind.ui.views.automations.words import KEYS, TRIGGERS

Json = dict[str, Any]

_NEW: Final[dict[str, Json]] = {
    "event": {"kind": "event", "event": "order", "where": []},
    "segment": {"kind": "segment", "segment_id": 0, "moves": "entered"},
    "date": {"kind": "date", "field": "birthday", "offset_days": 0, "at": "09:00", "yearly": True},
    "schedule": {"kind": "schedule", "every": "day", "at": "10:00", "weekday": None, "day": None},
}
_AGAIN: Final = {
    "always": "as often as it happens",
    "never": "once in a lifetime",
    "after": "only after some time",
}
_EVERYBODY: Final = {"type": "all", "conditions": []}


def edit(draft: Json, key: str) -> Json:
    """The form; what of the definition it is about, as it is now."""
    given = draft["trigger"]
    kind = st.selectbox(
        "It starts when",
        list(TRIGGERS),
        key=inputs.seeded(f"{key}_kind", given["kind"]),
        format_func=TRIGGERS.__getitem__,
        width=360,
    )
    trigger = _FORMS[kind](given if given["kind"] == kind else dict(_NEW[kind]), f"{key}_{kind}")
    made: Json = {"trigger": trigger}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        keys = list(KEYS) if kind == "event" else ["customer", "event"]
        held = draft.get("key", "customer")
        made["key"] = st.selectbox(
            "With",
            keys,
            key=inputs.seeded(f"{key}_key_{kind}", held if held in keys else "customer"),
            format_func=KEYS.__getitem__,
            width=300,
        )
        made["re_entry"] = _again(draft.get("re_entry") or {"mode": "always"}, key)
    made["entry_filter"] = _filter(draft, kind, key)
    return made


def _event(given: Json, key: str) -> Json:
    return {"kind": "event", **forms.act(given, key, "A customer")}


def _segment(given: Json, key: str) -> Json:
    known = segments.names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        moves = st.selectbox(
            "Somebody",
            ["entered", "left"],
            key=inputs.seeded(f"{key}_moves", given["moves"]),
            format_func={"entered": "enters", "left": "leaves"}.__getitem__,
            width=130,
        )
        first = given["segment_id"] if given["segment_id"] in known else next(iter(known), 0)
        chosen = st.selectbox(
            "the segment",
            list(known),
            key=inputs.seeded(f"{key}_segment", first),
            format_func=lambda number: known.get(number, f"segment {number}"),
            width=320,
        )
    return {"kind": "segment", "segment_id": chosen or 0, "moves": moves}


def _date(given: Json, key: str) -> Json:
    traits = [f"traits.{name}" for name in segments.vocabulary().traits]
    fields = list(dict.fromkeys(["birthday", given["field"], *traits]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.number_input(
            "Days after (before: -)",
            -365,
            365,
            key=inputs.seeded(f"{key}_days", given["offset_days"]),
            width=170,
        )
        field = st.selectbox(
            "their",
            fields,
            key=inputs.seeded(f"{key}_field", given["field"]),
            format_func=lambda each: each.removeprefix("traits.").replace("_", " "),
            width=220,
        )
        with st.container(width="content", gap="xxsmall"):
            st.caption("at, by their clock")
            at = forms.wall_time(given["at"], key=f"{key}_at")
        yearly = st.checkbox("Every year", key=inputs.seeded(f"{key}_yearly", given["yearly"]))
    return {
        "kind": "date",
        "field": field,
        "offset_days": int(days),
        "at": at,
        "yearly": yearly,
    }


def _schedule(given: Json, key: str) -> Json:
    made: Json = {"kind": "schedule", "weekday": None, "day": None}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        made["every"] = st.selectbox(
            "Every",
            ["day", "week", "month"],
            key=inputs.seeded(f"{key}_every", given["every"]),
            width=140,
        )
        if made["every"] == "week":
            made["weekday"] = st.selectbox(
                "on",
                list(WEEKDAYS),
                key=inputs.seeded(f"{key}_weekday", given.get("weekday") or "mon"),
                format_func=DAY_NAMES.__getitem__,
                width=160,
            )
        if made["every"] == "month":
            made["day"] = int(
                st.number_input(
                    "on day",
                    1,
                    28,
                    key=inputs.seeded(f"{key}_day", given.get("day") or 1),
                    width=120,
                )
            )
        with st.container(width="content", gap="xxsmall"):
            st.caption("at")
            made["at"] = forms.wall_time(given["at"], key=f"{key}_at")
    return made


_FORMS: Final = {"event": _event, "segment": _segment, "date": _date, "schedule": _schedule}


def _again(given: Json, key: str) -> Json:
    mode = st.selectbox(
        "for one customer",
        list(_AGAIN),
        key=inputs.seeded(f"{key}_again", given["mode"]),
        format_func=_AGAIN.__getitem__,
        width=240,
    )
    if mode != "after":
        return {"mode": mode, "hours": None}
    days = st.number_input(
        "Days",
        1,
        366,
        key=inputs.seeded(f"{key}_again_days", max(1, (given.get("hours") or 168) // 24)),
        width=110,
    )
    held = given.get("hours")
    return {"mode": mode, "hours": held if held and held // 24 == days else int(days) * 24}


def _filter(draft: Json, kind: str, key: str) -> Json | None:
    given = draft.get("entry_filter")
    needed = kind == "schedule"
    if not needed:
        narrowed = st.checkbox(
            "Only some customers may enter",
            key=inputs.seeded(f"{key}_filtered", given is not None),
        )
        if not narrowed:
            return None
    st.caption("Who enters" if needed else "Only those")
    return forms.rule(given or dict(_EVERYBODY), key=f"{key}_filter")
