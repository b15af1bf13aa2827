"""Who is in a segment now, page by page."""

from __future__ import annotations

import math

import streamlit as st

from segmind.segments.segment import Segment
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.components.customer_table import customer_lines
from segmind.ui.components.empty import empty_state
from segmind.ui.data import customers, segments

_SIZE = 50


def show(segment: Segment, _: Viewer) -> None:
    """The members, masked, ascending by id."""
    held = st.session_state.get("seg_page", 1)
    ids, total = segments.members_page(segment.rule.as_json(), max(1, int(held)), _SIZE)
    if not total:
        empty_state(
            "Nobody is in it now",
            "Loosen the rule, or wait until customers do what it asks.",
            icon="person_off",
            key="members",
        )
        return
    st.caption(f"{figures.plural(total, 'customer')} as of now")
    customer_lines(customers.rows(tuple(ids)), key="seg_members")
    if total > _SIZE:
        st.pagination(math.ceil(total / _SIZE), key="seg_page", bind="query-params")
