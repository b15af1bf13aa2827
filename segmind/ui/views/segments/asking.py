"""A rule that cannot be answered at once: what it costs, the word to begin, and the way to stop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import streamlit as st

from segmind.segments.cost import Cost
from segmind.stopping import Running, Stopped
from segmind.ui.data import segments
from segmind.ui.data.segments import Answer

#: How often the page looks whether the answer is there, in seconds.
_LOOK: Final = 0.4


@dataclass(frozen=True)
class _Question:
    rule: str
    as_of: datetime | None  # None: now


@dataclass(frozen=True)
class _Asked:
    question: _Question
    running: Running[Answer]


def asked(rule: dict[str, Any], as_of: datetime | None, price: Cost, *, key: str) -> Answer | None:
    """The answer to a costly rule once somebody asked for it; None until it is there.

    Asking about another rule, or another moment, stops the work for the one before.
    """
    question = _Question(json.dumps(rule, sort_keys=True), as_of)
    name = f"{key}_asked"
    held: _Asked | None = st.session_state.get(name)
    if held is not None and held.question != question:
        _stop(name)
        held = None
    if held is None:
        _offer(question, price, name)
        return None
    if not held.running.is_done:
        _wait(name)
        return None
    return _result(held, name)


def _offer(question: _Question, price: Cost, name: str) -> None:
    with st.container(border=True, key=f"{name}_offer"):
        st.markdown(f"**{price}**")
        st.caption("It looks into single events, which no rollup can answer for.")
        _begin_button("Count now", question, name, primary=True)


def _begin_button(label: str, question: _Question, name: str, *, primary: bool = False) -> None:
    st.button(
        label,
        type="primary" if primary else "tertiary",
        icon=":material/play_arrow:" if primary else ":material/refresh:",
        key=f"{name}_begin",
        on_click=_begin,
        args=(question, name),
    )


def _begin(question: _Question, name: str) -> None:
    running = segments.counting(json.loads(question.rule), question.as_of)
    st.session_state[name] = _Asked(question, running)


def _stop(name: str) -> None:
    held: _Asked | None = st.session_state.pop(name, None)
    if held is not None:
        held.running.stop.now()


@st.fragment(run_every=_LOOK)
def _wait(name: str) -> None:
    held: _Asked | None = st.session_state.get(name)
    if held is None or held.running.is_done:
        st.rerun()
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key=f"{name}_running"
    ):
        st.markdown(f":material/hourglass_top: Counting … {held.running.seconds:.0f} s")
        st.button("Cancel", key=f"{name}_cancel", on_click=_stop, args=(name,))


def _result(held: _Asked, name: str) -> Answer | None:
    try:
        answer = held.running.result()
    except Stopped as stopped:
        st.info(f"{stopped.message} {stopped.hint}".strip(), icon=":material/info:")
        answer = None
    except Exception:
        st.session_state.pop(name, None)  # the next look begins anew
        raise
    _begin_button("Count again", held.question, name)
    return answer
