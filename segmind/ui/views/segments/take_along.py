"""Members as a file."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.data.segment_time import MembersPage
from segmind.workspace.permissions import Action


def show(segment: Segment, viewer: Viewer, shown: MembersPage) -> None:
    """Links that save the members shown: ids, or with personal data for roles that may."""
    allowed = viewer.may(Action.EXPORT_DATA)
    with st.popover("Download", icon=":material/download:", disabled=not allowed, key="seg_take"):
        personal = st.checkbox(
            "With names, addresses and traits",
            key="seg_take_personal",
            disabled=not viewer.may(Action.EXPORT_PERSONAL_DATA),
            help="Only for roles that may take personal data along.",
        )
        st.caption(
            f"One row for each of {figures.plural(shown.total, 'customer')}, ids ascending. Who "
            "downloads what is in the audit log."
        )
        with st.container(horizontal=True):
            for label, form in (("CSV", "csv"), ("Parquet", "parquet")):
                st.link_button(
                    label,
                    _address(segment.id, form, personal=personal, as_of=shown.as_of),
                    icon=":material/download:",
                    key=f"seg_take_{form}",
                )


def _address(segment_id: int, form: str, *, personal: bool, as_of: datetime) -> str:
    asked = {"format": form, "as_of": as_of.isoformat()}
    if personal:
        asked["personal_data"] = "1"
    return f"/download/segments/{segment_id}?{urlencode(asked)}"
