"""Segments that were put away, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.data import segments
from segmind.ui.escaped import escaped
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.workspace.permissions import Action


def archived_rows(listed: Sequence[Segment], viewer: Viewer) -> None:
    """One line a segment, with its last size and the button that brings it back."""
    for segment in listed:
        with st.container(
            border=True,
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key=f"archived_{segment.id}",
        ):
            with st.container(width="stretch", gap="xxsmall"):
                st.page_link(
                    page("segment"),
                    label=f"**{segment.name}**",
                    query_params={"id": str(segment.id)},
                )
                said = segment.description or segments.describes(segment.rule)
                st.caption(f"{_since(segment)}  \n{escaped(said)}")
            _button(segment, viewer)


def notice(segment: Segment, viewer: Viewer) -> None:
    """Above an archived segment: what that means, and the way back."""
    with st.container(
        border=True,
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
        key="seg_archived",
    ):
        st.markdown(
            f":material/inventory_2: **{_since(segment)}.** It is in no list and is not "
            "counted any more.",
            width="stretch",
        )
        _button(segment, viewer)


def _since(segment: Segment) -> str:
    then = f", with {figures.plural(segment.size.size, 'customer')}" if segment.size else ""
    return f"Archived {figures.ago(segment.updated_at, now())}{then}"


def _button(segment: Segment, viewer: Viewer) -> None:
    if st.button(
        "Bring back",
        icon=":material/unarchive:",
        disabled=not viewer.may(Action.EDIT_SEGMENTS),
        key=f"seg_back_{segment.id}",
    ):
        _bring_back(segment)


def _bring_back(segment: Segment) -> None:
    """At once; where another segment has its name meanwhile, after asking for a new one."""
    with problems.shown("Bring the segment back"):
        free = segments.free_name(segment.name)
        if free != segment.name:
            _ask_name(segment, free)
            return
        _restore(segment, free)


@st.dialog("Bring the segment back")
def _ask_name(segment: Segment, free: str) -> None:
    st.markdown(
        f"Another segment is called “{escaped(segment.name)}” meanwhile. "
        "Give this one a name that tells them apart."
    )
    name = st.text_input("Name", free, max_chars=200, key=f"seg_back_name_{segment.id}")
    if st.button("Bring back", type="primary", key=f"seg_back_yes_{segment.id}"):
        with problems.shown("Bring the segment back"):
            _restore(segment, name or "")


def _restore(segment: Segment, name: str) -> None:
    segments.restore(segment.id, name)
    say(f"“{name}” is back. Its size starts a new line: what happened meanwhile moves nobody now.")
    st.rerun()
