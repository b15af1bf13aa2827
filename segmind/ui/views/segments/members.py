"""Who is in a segment, now or at a past moment, page by page."""

from __future__ import annotations

import math

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.customer_table import customer_lines
from segmind.ui.components.empty import empty_state
from segmind.ui.components.moment_picker import moment_picker
from segmind.ui.data import customers, segment_time, workspace
from segmind.ui.views.segments import take_along

_SIZE = 50


def show(segment: Segment, viewer: Viewer) -> None:
    """The members, masked, ascending by id."""
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        with st.container(width="content"):
            as_of = moment_picker("seg_members")
        files = st.container(width="content")
    with problems.shown("Look up the members"):
        held = st.session_state.get("seg_page", 1)
        found = segment_time.members_page(segment.rule, max(1, int(held)), _SIZE, as_of)
        with files:
            take_along.show(segment, viewer, found)
        if not found.total:
            empty_state(
                "Nobody was in it then" if as_of else "Nobody is in it now",
                segment_time.notice(found.as_of)
                or "Loosen the rule, or wait until customers do what it asks.",
                icon="person_off",
                key="members",
            )
            return
        when = figures.instant(as_of, workspace.settings().zone) if as_of else "now"
        st.caption(f"{figures.plural(found.total, 'customer')} as of {when}")
        customer_lines(customers.rows(tuple(found.customer_ids)), key="seg_members")
        if found.total > _SIZE:
            st.pagination(math.ceil(found.total / _SIZE), key="seg_page", bind="query-params")
