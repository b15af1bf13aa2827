"""In which segments a customer is now, why, and until when."""

from __future__ import annotations

import streamlit as st

from segmind.customers.profile import Profile
from segmind.segments.next_move import NextMove
from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.components.explained import explained
from segmind.ui.data import segment_time, segments, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now


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
                    _next(segment, person.customer.id)
                    st.page_link(
                        page("segment"),
                        label="Open the segment",
                        query_params={"id": str(segment.id)},
                    )


def _next(segment: Segment, customer_id: int) -> None:
    """When time alone moves the customer in or out, and by which condition."""
    found = segment_time.next_move(segment.rule, customer_id)
    st.caption(f":material/update: {_said(found)}".replace("$", "\\$"))


def _said(found: NextMove) -> str:
    if found.refused:
        return f"When time alone will change this is not known. {found.refused}"
    while_others = (
        " This compares customers with each other and is taken to stay as it is."
        if found.assumed
        else ""
    )
    if found.at is None:
        return f"Time alone will not change this.{while_others}"
    zone = workspace.settings().zone
    verb = "leaves" if found.is_member else "enters"
    why = "; ".join(
        f"“{turn.sentence}” {'comes to hold' if turn.becomes else 'no longer holds'}"
        for turn in found.turns
    )
    when = f"{figures.instant(found.at, zone)} ({figures.ago(found.at, now())})"
    return f"If nothing new happens, the customer {verb} on {when}: {why}.{while_others}"
