"""Asking once more before something that cannot be taken back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from segmind.ui import problems


def confirm(
    title: str,
    sentence: str,
    action: str,
    do: Callable[[], object],
    *,
    key: str,
    typed: str = "",
    done: str = "",
) -> None:
    """Open a dialog that does ``do`` when confirmed, says ``done`` and closes.

    With ``typed``, the person has to type that text first.
    """

    @st.dialog(title)
    def ask() -> None:
        st.markdown(sentence)
        right = True
        if typed:
            right = st.text_input(f"Type **{typed}** to go on", key=f"{key}_typed") == typed
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Not now", key=f"{key}_no"):
                st.rerun()
            pressed = st.button(action, type="primary", key=f"{key}_yes", disabled=not right)
        if pressed and right:
            ok = False
            with problems.shown(action):
                do()
                ok = True
            if ok:
                if done:
                    st.session_state["said"] = done
                st.rerun()

    ask()


def say_what_was_done() -> None:
    """Show the last confirmation's result once, after the rerun that followed it."""
    said = st.session_state.pop("said", None)
    if said:
        st.toast(said, icon=":material/check_circle:")


def say(sentence: str) -> None:
    """Have ``sentence`` shown as a toast in the next run."""
    st.session_state["said"] = sentence
