"""Lists of things that can be opened: one bordered line each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.ui.navigation import page


def list_row(
    target: str,
    number: int,
    name: str,
    *,
    badges: Sequence[str] = (),
    facts: str = "",
    figures: Sequence[tuple[str, str]] = (),
    key: str,
) -> None:
    """A thing by its name, which opens it, then badges, facts, and figures on the right.

    ``target`` is the detail page, ``number`` the thing's id; badges and facts are Markdown.
    """
    with st.container(
        border=True,
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
        gap="small",
        key=key,
    ):
        with st.container(width="stretch", gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.page_link(page(target), label=f"**{name}**", query_params={"id": str(number)})
                if badges:
                    st.markdown(" ".join(badges), width="content")
            if facts:
                st.caption(facts)
        if not figures:
            return
        # Together, so that on a phone they go below the name in one line.
        with st.container(horizontal=True, width="content", gap="small"):
            for label, value in figures:
                with st.container(width=100, gap="xxsmall"):
                    st.markdown(f"**{value}**", width="content")
                    st.caption(label, width="content")
