"""The rule of a segment with its live answer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import streamlit as st

from segmind.segments.fault import InvalidRule
from segmind.segments.rule import parse
from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.components.explained import explained
from segmind.ui.components.moment_picker import moment_picker, said
from segmind.ui.components.result_card import result_card
from segmind.ui.components.rule_builder import rule_builder
from segmind.ui.components.rule_builder.builder import forget, replace
from segmind.ui.components.rule_builder.exchange import exchange
from segmind.ui.components.rule_builder.tree import rule_of, tree_of
from segmind.ui.components.work import work
from segmind.ui.data import customers, segments
from segmind.ui.data.segments import Answer
from segmind.ui.navigation import open_page
from segmind.workspace.permissions import Action

_LONGEST_NAME: Final = 120


def show(segment: Segment | None, viewer: Viewer) -> None:
    """The builder on the left, the answer on the right, saving above."""
    key = f"seg_{segment.id}" if segment else "seg_new"
    if segment is None:
        _take_from_address(key)
        _start_from(key)
    _editor(segment, key, viewer.may(Action.EDIT_SEGMENTS))


def _take_from_address(key: str) -> None:
    """Let a new segment begin with the rule that a figure's button put into the address, once."""
    given = st.query_params.get("rule", "")
    if not given or st.session_state.get(f"{key}_taken") == given:
        return
    try:
        rule = parse(given).as_json()
    except InvalidRule:
        st.warning("The link holds no rule that can be read.", icon=":material/link_off:")
        return
    replace(f"{key}_rule", rule)
    st.session_state[f"{key}_taken"] = given
    st.session_state[f"{key}_name"] = st.query_params.get("title", "")[:_LONGEST_NAME]


def _start_from(key: str) -> None:
    """Let a new segment begin with the rule of one that exists."""
    known = {each.id: each.name for each in segments.listed()}
    given = st.query_params.get("like", "")
    if given.isdigit() and int(given) in known:
        st.session_state.setdefault(f"{key}_like", int(given))
    st.selectbox(
        "Start from",
        [0, *known],
        format_func=lambda number: known.get(number, "an empty rule"),
        key=f"{key}_like",
        on_change=_restart,
        args=(key,),
        width=360,
    )


def _restart(key: str) -> None:
    chosen = st.session_state.get(f"{key}_like")
    forget(f"{key}_rule")
    st.session_state[f"{key}_like"] = chosen


@st.fragment
@problems.guarded
def _editor(segment: Segment | None, key: str, allowed: bool) -> None:
    left, right = st.columns([2.1, 1])
    with left:
        name = st.text_input(
            "Name",
            segment.name if segment else "",
            placeholder="Shoe lovers in Germany",
            key=f"{key}_name",
            disabled=not allowed,
        )
        made = rule_builder(
            _given(segment, key),
            segments.vocabulary(),
            key=f"{key}_rule",
            faults=st.session_state.get(f"{key}_faults", ()),
        )
        exchange(made, key=f"{key}_rule")
        faults = segments.faults(made)
        shown = st.session_state.get(f"{key}_faults", ())
        st.session_state[f"{key}_faults"] = faults
        if [f.path for f in shown] != [f.path for f in faults]:
            st.rerun()
        _save(segment, key, name or "", made, bool(faults), allowed)
    with right:
        if faults:
            st.warning(
                f"**The rule is not complete yet.** {faults[0].message} {faults[0].hint}",
                icon=":material/edit:",
            )
            return
        with problems.shown("Count the customers"):
            as_of = moment_picker(key)
            _answer(made, key, as_of)
            _why(made, key, as_of)


def _given(segment: Segment | None, key: str) -> dict[str, Any] | None:
    if segment is not None:
        return segment.rule.as_json()
    like = st.session_state.get(f"{key}_like")
    return segments.get(like).rule.as_json() if like else None


def _answer(rule: dict[str, Any], key: str, as_of: datetime | None) -> None:
    price = segments.cost(rule, as_of)
    if price.is_free:
        answer: Answer | None = segments.preview(rule, as_of)
    else:
        answer = work(
            (json.dumps(rule, sort_keys=True), as_of),
            lambda: segments.counting(rule, as_of),
            price=str(price),
            is_free=False,
            label="Count now",
            key=f"{key}_asked",
            note="It looks into single events, which no rollup can answer for.",
            doing="Counting",
            again="Count again",
        )
    if answer is None:
        st.markdown(segments.describes(parse(rule)).replace("$", "\\$"))
        return
    sample = customers.rows(tuple(answer.preview.sample))
    result_card(
        answer.preview,
        segments.describes(parse(rule)),
        said(as_of, answer.as_of),
        sample,
    )


def _why(rule: dict[str, Any], key: str, as_of: datetime | None) -> None:
    with st.container(border=True, key=f"{key}_why"):
        st.markdown("**Is somebody in it, and why?**")
        sought = st.text_input(
            "Customer",
            placeholder="Name, e-mail, phone or id",
            key=f"{key}_who",
            icon=":material/person_search:",
            label_visibility="collapsed",
            type="search",
        )
        if not sought:
            return
        found = customers.search(sought, None, True).customers[:20]
        if not found:
            st.caption(f"Nobody begins with “{sought}”.")
            return
        person = found[0]
        if len(found) > 1:
            person = st.selectbox(
                "Which one",
                found,
                format_func=lambda each: (
                    figures.mask_name(each.first_name, each.last_name)
                    + f" · {each.external_id or each.id}"
                ),
                key=f"{key}_which",
            )
        explained(segments.explain(parse(rule), person.id, as_of))


def _save(
    segment: Segment | None,
    key: str,
    name: str,
    rule: dict[str, Any],
    incomplete: bool,
    allowed: bool,
) -> None:
    is_same_rule = segment is not None and parse_safe(rule) == _as_built(segment)
    changed = segment is None or name != segment.name or not is_same_rule
    with st.container(horizontal=True, vertical_alignment="center"):
        saved = st.button(
            "Save" if segment else "Save the segment",
            type="primary",
            key=f"{key}_save",
            disabled=incomplete or not allowed or not changed,
        )
        if (
            segment is not None
            and changed
            and st.button("Discard the changes", key=f"{key}_discard")
        ):
            forget(key)
            st.rerun()
        if segment is not None and changed:
            st.caption("Not saved yet.", width="content")
    if saved:
        with problems.shown("Save the segment"):
            if segment is None:
                made = segments.create(name, "", rule)
                forget(key)
                say(f"“{made.name}” saved")
                open_page("segment", id=made.id)
            else:
                # An untouched rule stays as it was written: another form would begin a new line.
                kept = segment.rule.as_json() if is_same_rule else rule
                segments.update(segment.id, name=name, rule=kept)
                forget(key)
                new_line = "" if is_same_rule else " Its size starts a new line at the next count."
                say(f"Saved.{new_line}")
                st.rerun()


def _as_built(segment: Segment) -> dict[str, Any] | None:
    """The saved rule in the form that the builder gives it: in a group, if it is one condition."""
    return parse_safe(rule_of(tree_of(segment.rule.as_json()))[0])


def parse_safe(rule: dict[str, Any]) -> dict[str, Any] | None:
    """The rule with its defaults written out; None while it is incomplete."""
    try:
        return parse(rule).as_json()
    except InvalidRule:
        return None
