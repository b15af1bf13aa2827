"""Writing what a send step sends: its channels in their order, and the text for each."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.channels.channel import Channel
from segmind.errors import SegmindError
from segmind.templates.check import check
from segmind.templates.template import parse_draft, to_json
from segmind.ui import problems
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.message_editor import edit_message, preview_message, show_findings
from segmind.ui.components.message_editor.starters import STARTERS
from segmind.ui.components.rule_builder import inputs
from segmind.ui.data import persons, workspace

Json = dict[str, Any]
_HOURS: Final = 60


def edit(step: Json, key: str) -> Json:
    """The form of a send step beside a preview of what is written; the step as it is now."""
    options = _options(step)
    left, right = st.columns([1.15, 1])
    with left:
        options = _channels(options, key)
        made = _order(step, options, key)
        labels = [option["channel"] for option in options]
        picked = st.segmented_control(
            "What is written for",
            labels,
            default=labels[0],
            required=True,
            format_func=lambda each: CHANNELS[each][0],
            key=f"{key}_text",
        )
        at = labels.index(picked) if picked in labels else 0
        option = options[at]
        content = edit_message(option["content"], Channel(option["channel"]), key=key)
        options[at] = {**option, "content": _kept(option["content"], content)}
        with problems.shown("Look the message over"):
            address = workspace.settings().postal_address
            show_findings(check(parse_draft(content), postal_address=address))
    with right:
        people = persons.persons(None)
        preview_message(content, people[0].context, workspace.settings(), key=key)
    first, *others = options
    return {**step, **first, **made, "template_version_id": None, "fallbacks": others}


def _kept(given: Json, made: Json) -> Json:
    """A text that says the same stays as it was written: saving would make a version of it."""
    try:
        is_same = to_json(parse_draft(given)) == to_json(parse_draft(made))
    except SegmindError:
        return made
    return given if is_same else made


def _options(step: Json) -> list[Json]:
    first = {name: step.get(name) for name in ("channel", "content", "template_version_id")}
    return [first, *(dict(each) for each in step.get("fallbacks") or ())]


def _channels(options: list[Json], key: str) -> list[Json]:
    """Which channels are tried, in which order; a new one begins with a starter."""
    held = {option["channel"]: option for option in options}
    chosen = st.multiselect(
        "By, the first that reaches the customer",
        list(CHANNELS),
        key=inputs.seeded(f"{key}_channels", list(held)),
        format_func=lambda each: CHANNELS[each][0],
        help="In this order. With one channel, whoever it does not reach gets nothing.",
    )
    if not chosen:
        st.caption(":orange[Choose a channel.]")
        return options
    return [
        held.get(
            channel,
            {
                "channel": channel,
                "content": STARTERS[Channel(channel)],
                "template_version_id": None,
            },
        )
        for channel in chosen
    ]


def _order(step: Json, options: list[Json], key: str) -> Json:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hours = st.number_input(
            "Not later than hours after it was due",
            1,
            168,
            key=inputs.seeded(f"{key}_valid", max(1, step.get("valid_minutes", 720) // _HOURS)),
            help="A message that could not leave by then, for quiet hours or a standstill, is not "
            "sent.",
        )
        favourite = step.get("prefer") == "customer"
        if len(options) > 1:
            favourite = st.checkbox(
                "Their favourite first",
                key=inputs.seeded(f"{key}_prefer", favourite),
                help="The channel that the customer's trait preferred_channel names",
            )
    valid = step.get("valid_minutes", 720)
    if valid // _HOURS != hours:
        valid = int(hours) * _HOURS
    return {"valid_minutes": valid, "prefer": "customer" if favourite else "listed"}
