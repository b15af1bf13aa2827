"""A field of a form: its label above, the input below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def labelled(label: str, field: Callable[[], T]) -> T:
    """``field`` under its label."""
    with st.container(gap="xxsmall", width="content"):
        st.caption(label)
        return field()
