"""What an empty place says: why it is empty, and the one thing to do."""

from __future__ import annotations

from typing import Any

import streamlit as st


def empty_state(
    title: str,
    sentence: str,
    *,
    icon: str = "inbox",
    action: str = "",
    page: Any = None,
    params: dict[str, str] | None = None,
    key: str = "empty",
) -> bool:
    """Say it calmly, with at most one action: a link to ``page``, else a button.

    Returns True in the run in which the button was pressed.
    """
    with st.container(border=True, horizontal_alignment="center", key=f"empty_{key}"):
        st.space("small")
        st.markdown(f"# :material/{icon}:", text_alignment="center")
        st.markdown(f"**{title}**", text_alignment="center")
        st.markdown(f":gray[{sentence}]", text_alignment="center", width=520)
        pressed = bool(action) and st.button(action, type="primary", key=f"empty_action_{key}")
        st.space("small")
    if pressed and page is not None:
        st.switch_page(page, query_params=params)
    return pressed
