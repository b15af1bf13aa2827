"""What to correct or know before a message leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from segmind.templates.check import Finding

_LEVELS: Final = {
    "error": ("red", "error", "To fix"),
    "warning": ("orange", "warning", "Check"),
    "note": ("blue", "info", "Note"),
}


def show_findings(findings: Sequence[Finding]) -> None:
    """One line a finding, the grave ones first; a word of calm when there are none."""
    if not findings:
        st.markdown(":green-badge[:material/check_circle: Nothing to correct]")
        return
    for finding in findings:
        colour, icon, word = _LEVELS[finding.level]
        where = _where(finding)
        st.markdown(
            f":{colour}-badge[:material/{icon}: {word}] **{finding.message}** {finding.hint}"
            + (f" :gray[({where})]" if where else "")
        )


def _where(finding: Finding) -> str:
    """The input that it is about and the line in it; nothing where no single input is meant."""
    field = finding.field.removeprefix("content.").removesuffix("_id").replace("_", " ")
    if "." in field:
        return ""
    return field + (f", line {finding.line}" if finding.line else "")
