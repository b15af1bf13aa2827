"""What to correct or know before a message leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from segmind.templates.check import Finding

_LEVELS: Final = {
    "error": ("red", "error", "Correct"),
    "warning": ("orange", "warning", "Look at"),
    "note": ("blue", "info", "Know"),
}


def show_findings(findings: Sequence[Finding]) -> None:
    """One line a finding, the grave ones first; a word of calm when there are none."""
    if not findings:
        st.markdown(":green-badge[:material/check_circle: Nothing to correct]")
        return
    for finding in findings:
        colour, icon, word = _LEVELS[finding.level]
        where = finding.field + (f", line {finding.line}" if finding.line else "")
        st.markdown(
            f":{colour}-badge[:material/{icon}: {word}] **{finding.message}** "
            f"{finding.hint} :gray[({where})]"
        )
