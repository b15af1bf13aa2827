"""From a figure to the people behind it: a button that opens the builder with their rule."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from segmind.ui.navigation import open_page


def make_segment(rule: dict[str, Any], name: str, *, key: str, label: str = "") -> None:
    """Show the button, which opens a new segment with ``rule`` and ``name``, not yet saved."""
    pressed = st.button(
        label or "Make a segment of them",
        icon=":material/filter_alt:",
        key=f"make_{key}",
        help=f"Open the segment builder with this rule: {name}",
    )
    if pressed:
        open_page("segment", rule=json.dumps(rule, separators=(",", ":")), title=name)
