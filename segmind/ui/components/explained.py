"""Why a customer is in a segment: every condition with its verdict and the customer's figures."""

from __future__ import annotations

import streamlit as st

from segmind.segments.explain import Explained


def explained(tree: Explained) -> None:
    """The verdict in one line, then the conditions, indented as the rule is."""
    st.markdown(
        ":green-badge[:material/check_circle: In the segment]"
        if tree.met
        else ":gray-badge[:material/cancel: Not in the segment]"
    )
    verdicts(tree)


def verdicts(tree: Explained) -> None:
    """The conditions alone, each with its verdict."""
    st.markdown("\n".join(_lines(tree, 0)))


def _lines(node: Explained, depth: int) -> list[str]:
    mark = ":green[:material/check:]" if node.met else ":red[:material/close:]"
    detail = f" :gray[– {node.detail}]" if node.detail else ""
    lines = [f"{'    ' * depth}- {mark} {_escaped(node.sentence)}{_escaped(detail)}"]
    for child in node.children:
        lines += _lines(child, depth + 1)
    return lines


def _escaped(text: str) -> str:
    return text.replace("$", "\\$").replace("*", "\\*").replace("_", "\\_")
