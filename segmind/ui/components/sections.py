"""The sections of a page, one of which is open."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st


def open_section(names: Iterable[str], *, key: str, label: str = "Section") -> str:
    """Show the choice, the first name by default; gives the one that is open.

    ``key`` is its parameter in the address. On a phone the choices go on in a second line: cut off
    at the edge, the last ones would not be found.
    """
    known = list(names)
    chosen = st.segmented_control(
        label,
        known,
        default=known[0],
        required=True,
        key=key,
        bind="query-params",
        wrap=True,
        label_visibility="collapsed",
    )
    return chosen or known[0]
