"""Replies in free words: one click makes one a no."""

from __future__ import annotations

import streamlit as st

from segmind.consent.replies import Reply
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.components.empty import empty_state
from segmind.ui.data import customers, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.workspace.permissions import Action

_DECISIONS = {
    "opted_out": ":red-badge[:material/block: Opted out]",
    "dismissed": ":gray-badge[:material/done: No opt-out]",
}


def waiting(viewer: Viewer) -> None:
    """What nobody has decided about."""
    found = customers.waiting_replies()
    if not found:
        empty_state(
            "Nothing waits to be read",
            "STOP and its kin are honoured at once. What customers write in words of their own "
            "appears here, because it may be a no as well.",
            icon="mark_chat_read",
            key="replies",
        )
        return
    st.caption(
        f"{figures.plural(len(found), 'reply')} to read, likely opt-outs first. The law counts any "
        "clear no, whatever its words."
    )
    for reply in found:
        _card(reply, viewer)


def _card(reply: Reply, viewer: Viewer) -> None:
    with st.container(border=True, key=f"reply_{reply.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if reply.likely_opt_out:
                st.badge("Likely an opt-out", color="orange", icon=":material/priority_high:")
            st.caption(f"{reply.address or 'unknown'} · {figures.ago(reply.received_at, now())}")
            if reply.customer_id is not None:
                st.page_link(
                    page("customer"), label="Customer", query_params={"id": str(reply.customer_id)}
                )
        st.text(reply.words or "")
        if viewer.may(Action.EDIT_CUSTOMERS):
            with st.container(horizontal=True, gap="small"):
                if st.button("Treat as opt-out", type="primary", key=f"reply_out_{reply.id}"):
                    _decide(reply.id, opt_out=True)
                if st.button("No opt-out", key=f"reply_keep_{reply.id}"):
                    _decide(reply.id, opt_out=False)


def _decide(reply_id: int, *, opt_out: bool) -> None:
    with problems.shown("Decide about the reply"):
        customers.decide_reply(reply_id, opt_out=opt_out)
        say("They get no more texts" if opt_out else "Put aside")
        st.rerun()


def decided() -> None:
    """What was decided last, and by whom."""
    found = customers.decided_replies()
    if not found:
        st.caption("Nothing was decided yet.")
        return
    zone = workspace.settings().zone
    for reply in found:
        with st.container(border=True):
            when = figures.instant(reply.received_at, zone)
            st.markdown(_DECISIONS.get(reply.decision or "", ""))
            st.text(reply.words or "(forgotten)")
            st.caption(f"{reply.address or 'unknown'} · {when} · {reply.decided_by}")
