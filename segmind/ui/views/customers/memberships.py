"""In which segments a customer is now, and why."""

from __future__ import annotations

import streamlit as st

from segmind.customers.profile import Profile
from segmind.ui import problems
from segmind.ui.components.explained import explained
from segmind.ui.data import segments
from segmind.ui.navigation import page


def show(person: Profile) -> None:
    """Every segment: those they are in first, each with its reasons on demand."""
    with problems.shown("Look up the segments"):
        found = sorted(segments.memberships(person.customer.id), key=lambda pair: not pair[1])
        if not found:
            st.caption("There are no segments yet.")
        for segment, is_member in found:
            mark = ":green[:material/check_circle:]" if is_member else ":gray[:material/cancel:]"
            with st.expander(
                f"{mark} {segment.name}", key=f"cst_why_{segment.id}", on_change="rerun"
            ) as box:
                if box.open:
                    explained(segments.explain(segment.rule, person.customer.id))
                    st.page_link(
                        page("segment"),
                        label="Open the segment",
                        query_params={"id": str(segment.id)},
                    )
