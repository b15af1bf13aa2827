"""What can be done with a segment, on the right of its name."""

from __future__ import annotations

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.data import segments
from segmind.ui.navigation import open_page
from segmind.ui.views.campaigns.list import new_campaign
from segmind.workspace.permissions import Action


def show(segment: Segment, viewer: Viewer) -> None:
    """A campaign to it, a copy of it, putting it away."""
    picked = st.menu_button(
        "More",
        ["Copy"] if segment.archived else ["Copy", "Archive"],
        key="seg_more",
        disabled=not viewer.may(Action.EDIT_SEGMENTS),
    )
    if picked == "Copy":
        with problems.shown("Copy the segment"):
            made = segments.create(
                f"{segment.name} (copy)", segment.description, segment.rule.as_json()
            )
            open_page("segment", id=made.id)
    if picked == "Archive":
        confirm(
            f"Archive {segment.name}?",
            "It leaves the lists and is not counted any more. Its history stays, and it can be "
            "brought back.",
            "Archive",
            lambda: segments.archive(segment.id),
            key="seg_archive",
            done=f"“{segment.name}” archived. Segments, Archived has it.",
        )
    if not segment.archived and st.button(
        "Send a campaign",
        type="primary",
        icon=":material/campaign:",
        disabled=not viewer.may(Action.EDIT_CAMPAIGNS),
        key="seg_campaign",
    ):
        new_campaign(segment.id)
