"""Work that may take a while: what it costs, the word to begin, and the way to stop."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import streamlit as st

from segmind.stopping import Running, Stopped

T = TypeVar("T")

#: How often the page looks whether the answer is there, in seconds.
_LOOK: Final = 0.4


@dataclass(frozen=True)
class _Held:
    question: Hashable
    running: Running[Any]
    is_free: bool


def work(
    question: Hashable,
    begin: Callable[[], Running[T]],
    *,
    price: str,
    is_free: bool,
    label: str,
    key: str,
    note: str = "",
    doing: str = "Working",
    again: str = "",
) -> T | None:
    """The answer to ``question``, kept until another one is asked; None until it is there.

    What is free begins by itself, everything else when somebody says so; while it goes on it can be
    cancelled. Asking something else stops it. ``note``: why it has a price; ``again``: the button
    beside the answer that asks once more, if there is to be one.
    """
    held: _Held | None = st.session_state.get(key)
    if held is not None and held.question != question:
        _stop(key)
        held = None

    def started() -> _Held:
        made = _Held(question, begin(), is_free)
        st.session_state[key] = made
        return made

    if held is None and is_free:
        held = started()
    if held is None:
        with st.container(border=True, key=f"{key}_offer"):
            st.markdown(f"**{price}**")
            if note:
                st.caption(note)
            _button(label, key, started, primary=True)
        return None
    if is_free:
        _wait_at_most(held.running, 8.0)
    if not held.running.is_done:
        _going_on(key, doing)
        return None
    answer: T | None
    answer, is_stopped = _answer(held, key)
    if again or is_stopped:
        _button(again or "Begin again", key, started)
    return answer


def _button(label: str, key: str, begin: Callable[[], Any], *, primary: bool = False) -> None:
    st.button(
        label,
        type="primary" if primary else "tertiary",
        icon=":material/play_arrow:" if primary else ":material/refresh:",
        key=f"{key}_begin",
        on_click=begin,
    )


def _wait_at_most(running: Running[Any], seconds: float) -> None:
    """What was told to be quick is waited for, so that the page does not flicker."""
    if not running.is_done:
        with st.spinner("Working …"):
            try:
                running.result(seconds)
            except Exception:
                return  # told by ``_answer``, or it goes on


def _stop(key: str) -> None:
    held: _Held | None = st.session_state.pop(key, None)
    if held is not None:
        held.running.stop.now()


def _cancel(key: str) -> None:
    """What begins by itself would begin again: that it was stopped is shown instead."""
    held: _Held | None = st.session_state.get(key)
    if held is not None and held.is_free:
        held.running.stop.now()
    else:
        _stop(key)


@st.fragment(run_every=_LOOK)
def _going_on(key: str, doing: str) -> None:
    held: _Held | None = st.session_state.get(key)
    if held is None or held.running.is_done:
        st.rerun()
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key=f"{key}_running"
    ):
        st.markdown(f":material/hourglass_top: {doing} … {held.running.seconds:.0f} s")
        st.button("Cancel", key=f"{key}_cancel", on_click=_cancel, args=(key,))


def _answer(held: _Held, key: str) -> tuple[Any, bool]:
    """The answer, and whether there is none because the work was stopped."""
    try:
        return held.running.result(), False
    except Stopped as stopped:
        st.info(f"{stopped.message} {stopped.hint}".strip(), icon=":material/info:")
        return None, True
    except Exception:
        st.session_state.pop(key, None)  # the next look begins anew
        raise
