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


def work(
    question: Hashable,
    begin: Callable[[], Running[T]],
    *,
    price: str,
    is_free: bool,
    label: str,
    key: str,
) -> T | None:
    """The answer to ``question``, kept until another one is asked; None until it is there.

    What is free begins by itself, everything else when somebody says so; while it goes on it can be
    cancelled. Asking something else stops it.
    """
    name = f"{key}_work"
    held: _Held | None = st.session_state.get(name)
    if held is not None and held.question != question:
        held.running.stop.now()
        st.session_state.pop(name)
        held = None
    if held is None and is_free:
        held = _begin(name, question, begin)
    if held is None:
        with st.container(border=True, key=f"{name}_offer"):
            st.markdown(f"**{price}**")
            st.button(
                label,
                type="primary",
                icon=":material/play_arrow:",
                key=f"{name}_begin",
                on_click=_begun,
                args=(name, question, begin),
            )
        return None
    if is_free:
        _wait_at_most(held.running, 8.0)
    if not held.running.is_done:
        _going_on(name)
        return None
    answer: T | None = _answer(held, name)
    return answer


def _begin(name: str, question: Hashable, begin: Callable[[], Running[Any]]) -> _Held:
    held = _Held(question, begin())
    st.session_state[name] = held
    return held


def _begun(name: str, question: Hashable, begin: Callable[[], Running[Any]]) -> None:
    _begin(name, question, begin)


def _wait_at_most(running: Running[Any], seconds: float) -> None:
    """What was told to be quick is waited for, so that the page does not flicker."""
    if not running.is_done:
        with st.spinner("Working …"):
            try:
                running.result(seconds)
            except Exception:
                return  # told by ``_answer``, or it goes on


def _stop(name: str) -> None:
    held: _Held | None = st.session_state.get(name)
    if held is not None:
        held.running.stop.now()


@st.fragment(run_every=_LOOK)
def _going_on(name: str) -> None:
    held: _Held | None = st.session_state.get(name)
    if held is None or held.running.is_done:
        st.rerun()
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key=f"{name}_running"
    ):
        st.markdown(f":material/hourglass_top: Working … {held.running.seconds:.0f} s")
        st.button("Cancel", key=f"{name}_cancel", on_click=_stop, args=(name,))


def _answer(held: _Held, name: str) -> Any:
    try:
        return held.running.result()
    except Stopped as stopped:
        st.info(f"{stopped.message} {stopped.hint}".strip(), icon=":material/info:")
        if st.button("Begin again", icon=":material/refresh:", key=f"{name}_again"):
            st.session_state.pop(name, None)
            st.rerun()
        return None
    except Exception:
        st.session_state.pop(name, None)  # the next look begins anew
        raise
