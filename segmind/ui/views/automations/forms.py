"""The forms of the steps, a function a kind: each takes a step's JSON and gives it as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time
from typing import Any, Final

import streamlit as st

from segmind.automations.describe import DAYS as DAY_NAMES
from segmind.automations.part import END, WEEKDAYS
from segmind.segments.acts import phrase
from segmind.ui.components.rule_builder import acts, inputs, rule_builder
from segmind.ui.components.rule_builder.tree import rule_of, tree_of
from segmind.ui.data import segments
from segmind.ui.views.automations import lengths
from segmind.ui.views.automations.fields import labelled
from segmind.ui.views.segments.editor import parse_safe

Json = dict[str, Any]


def edit(step: Json, others: Sequence[tuple[str, str]], key: str) -> Json:
    """The form of a step. ``others``: the steps that it may lead to, (id, what they are called)."""
    made = _FORMS[step["kind"]](step, key)
    return {**step, **made, **_ways(step, others, key)}


def _wait(step: Json, key: str) -> Json:
    seconds = lengths.edit("Wait", step["seconds"], key=f"{key}_length")
    again = labelled(
        "Counted anew whenever they",
        lambda: inputs.several(
            "nothing restarts it",
            segments.vocabulary().events,
            step.get("restart_on") or [],
            key=f"{key}_again",
            say=lambda event: phrase(event).past,
            width=420,
        ),
    )
    return {"seconds": seconds, "restart_on": again}


def _wait_until(step: Json, key: str) -> Json:
    at = labelled("Until", lambda: wall_time(step["at"], key=f"{key}_at"))
    days = labelled(
        "On",
        lambda: inputs.several(
            "any day",
            list(WEEKDAYS),
            step.get("weekdays") or [],
            key=f"{key}_days",
            say=DAY_NAMES.__getitem__,
            width=420,
        ),
    )
    return {"at": at, "weekdays": days}


def _wait_for(step: Json, key: str) -> Json:
    made = act(step, key)
    return {**made, "seconds": lengths.edit("At most", step["seconds"], key=f"{key}_length")}


def _wait_rhythm(step: Json, key: str) -> Json:
    event = labelled("Between two times that they", lambda: _event(step["event"], key))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percent = st.number_input(
            "Percent of their usual time",
            10,
            300,
            key=inputs.seeded(f"{key}_percent", step.get("percent", 90)),
        )
        least = st.number_input(
            "From so many times on", 2, 20, key=inputs.seeded(f"{key}_least", step.get("least", 3))
        )
        low = st.number_input(
            "At least days", 1, 366, key=inputs.seeded(f"{key}_low", step.get("min_days", 3))
        )
        high = st.number_input(
            "At most days", 1, 366, key=inputs.seeded(f"{key}_high", step.get("max_days", 180))
        )
    return {
        "event": event,
        "percent": int(percent),
        "least": int(least),
        "min_days": int(low),
        "max_days": int(high),
    }


def _condition(step: Json, key: str) -> Json:
    return {"rule": rule(step["rule"], key=f"{key}_rule")}


def _split(step: Json, key: str) -> Json:
    made = []
    for n, branch in enumerate(step["branches"]):
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_arm_{n}"):
            name = st.text_input(
                "Branch", key=inputs.seeded(f"{key}_name_{n}", branch["name"]), width=200
            )
            percent = st.number_input(
                "Percent",
                0.0,
                100.0,
                step=1.0,
                format="%g",
                key=inputs.seeded(f"{key}_percent_{n}", float(branch["percent"])),
                width=130,
            )
            held = st.checkbox(
                "Kept out",
                key=inputs.seeded(f"{key}_held_{n}", bool(branch.get("holdout"))),
                help="They leave here, so that the others can be compared with them",
            )
        made.append({**branch, "name": name or "", "percent": percent, "holdout": held})
    with st.container(horizontal=True):
        if len(made) < 10 and st.button("Add a branch", key=f"{key}_more", icon=":material/add:"):
            made.append({"name": f"branch {len(made) + 1}", "percent": 0.0})
        if len(made) > 2 and st.button("Remove the last", key=f"{key}_less"):
            made.pop()
    total = sum(branch["percent"] for branch in made)
    if abs(total - 100) > 1e-6:
        st.caption(f":orange[The percents add up to {total:g}, not to 100.]")
    return {"branches": made}


def _set_trait(step: Json, key: str) -> Json:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Trait", key=inputs.seeded(f"{key}_name", step["name"]))
        kind = st.selectbox(
            "is set to",
            list(_VALUES),
            key=inputs.seeded(f"{key}_kind", _kind_of(step["value"])),
        )
        value: Any = None
        if kind == "a text":
            written = step["value"] if isinstance(step["value"], str) else ""
            value = st.text_input("Text", key=inputs.seeded(f"{key}_text", written)) or ""
        elif kind == "a number":
            is_number = isinstance(step["value"], int | float)
            known = float(step["value"]) if is_number else 0.0
            typed = st.number_input("Number", key=inputs.seeded(f"{key}_number", known))
            value = int(typed) if float(typed).is_integer() else float(typed)
        elif kind in {"yes", "no"}:
            value = kind == "yes"
    return {"name": name or "", "value": value}


_VALUES: Final = ("yes", "no", "a text", "a number", "nothing (cleared)")


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing (cleared)"
    return "a text" if isinstance(value, str) else "a number"


def _webhook(step: Json, key: str) -> Json:
    url = st.text_input(
        "Address",
        key=inputs.seeded(f"{key}_url", step["url"]),
        placeholder="https://shop.example.com/hooks/segmind",
        help="It is called with the customer, the automation and the step; signed, and tried again "
        "until it answers.",
    )
    return {"url": url or ""}


def _exit(step: Json, key: str) -> Json:
    reason = st.text_input("Reason", key=inputs.seeded(f"{key}_reason", step["reason"]))
    return {"reason": reason or ""}


_FORMS: Final[dict[str, Callable[[Json, str], Json]]] = {
    "wait": _wait,
    "wait_until": _wait_until,
    "wait_for": _wait_for,
    "wait_rhythm": _wait_rhythm,
    "condition": _condition,
    "split": _split,
    "set_trait": _set_trait,
    "webhook": _webhook,
    "exit": _exit,
}

#: The ways of a kind of step, in words.
WAYS: Final[dict[str, dict[str, str]]] = {
    "wait": {"next": "Then"},
    "wait_until": {"next": "Then"},
    "wait_for": {"done": "Who did it", "timed_out": "When time is up"},
    "wait_rhythm": {"next": "Then", "unknown": "Who has no rhythm yet"},
    "condition": {"yes": "Yes", "no": "No"},
    "send": {"next": "Then"},
    "set_trait": {"next": "Then"},
    "webhook": {"next": "Then"},
}


def _ways(step: Json, others: Sequence[tuple[str, str]], key: str) -> Json:
    """Where the step leads."""
    if step["kind"] == "split":
        branches = []
        for n, branch in enumerate(step["branches"]):
            if branch.get("holdout"):
                branches.append(branch)
                continue
            target = _target(
                f"“{branch['name']}” goes", branch.get("next"), others, f"{key}_to_{n}"
            )
            branches.append({**branch, "next": target})
        return {"branches": branches} if len(branches) == len(step["branches"]) else {}
    named = WAYS.get(step["kind"], {})
    if not named:
        return {}
    with st.container(horizontal=True):
        return {
            way: _target(label, step.get(way), others, f"{key}_{way}")
            for way, label in named.items()
        }


def _target(
    label: str, named: str | None, others: Sequence[tuple[str, str]], key: str
) -> str | None:
    known: dict[str | None, str] = {None: "to the step below", END: "leaves", **dict(others)}
    if named not in known:
        known[named] = f"to {named}, which is gone"
    options = list(known)
    if st.session_state.get(key) not in {None, *options}:
        del st.session_state[key]
    return st.selectbox(
        label, options, key=inputs.seeded(key, named), format_func=known.__getitem__, width=260
    )


def act(data: Json, key: str, label: str = "They") -> Json:
    """An event and its comparisons."""
    held = {"event": data["event"], "where": list(data.get("where") or ())}
    state = f"{key}_act"
    kept: Json = st.session_state.setdefault(state, held)
    kept["event"] = labelled(label, lambda: _event(kept["event"], key))
    kept["where"] = acts.where(kept, segments.vocabulary(), key=key)
    tests = [
        {name: value for name, value in test.items() if not name.startswith("_")}
        for test in kept["where"]
    ]
    return {"event": kept["event"], "where": tests}


def _event(given: str, key: str) -> str:
    known = [each for each in segments.vocabulary().events if each != "session"]
    return str(
        inputs.choice(
            "Event", known, given, key=f"{key}_event", say=lambda e: phrase(e).past, width=320
        )
    )


def rule(given: Json | None, *, key: str) -> Json:
    """A segment rule; one that is not touched stays as it was written."""
    made = rule_builder(
        given, segments.vocabulary(), key=key, faults=st.session_state.get(f"{key}_faults", ())
    )
    faults = segments.faults(made)
    shown = st.session_state.get(f"{key}_faults", ())
    st.session_state[f"{key}_faults"] = faults
    if [fault.path for fault in shown] != [fault.path for fault in faults]:
        st.rerun()
    as_built = parse_safe(rule_of(tree_of(given))[0]) if given else None
    return given if given is not None and as_built == parse_safe(made) else made


def wall_time(given: str, *, key: str) -> str:
    """A time of day."""
    picked = st.time_input(
        "Time",
        key=inputs.seeded(key, time.fromisoformat(given)),
        label_visibility="collapsed",
        step=900,
        width=140,
    )
    return picked.strftime("%H:%M") if picked is not None else given
