"""What to look for, kept in the page's address so that a search can be shared."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import streamlit as st

from segmind.events.schema import Source
from segmind.messages.status_words import CONDITIONS
from segmind.ui.components.badges import CHANNELS
from segmind.ui.data import workspace
from segmind.ui.data.messages import Sought
from segmind.ui.data.sources import source_name
from segmind.ui.store import now

_SOURCES = {"campaign": "Campaigns", "automation": "Automations", "single": "Single messages"}
_ANY = "Any status"
_DAYS = {"": "Any time", "1": "Today", "7": "Last 7 days", "30": "Last 30 days"}


def show() -> Sought:
    """The row of filters; returns what is looked for."""
    text = st.text_input(
        "Search",
        placeholder="A message's id, an address or a part of it, a provider's id",
        key="msg_q",
        bind="query-params",
        label_visibility="collapsed",
        icon=":material/search:",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        status = st.selectbox(
            "Status",
            [_ANY, *(word.replace("_", " ").capitalize() for word in CONDITIONS)],
            key="msg_status",
            bind="query-params",
            width=170,
        )
        channel = st.selectbox(
            "Channel",
            ["", *CHANNELS],
            format_func=lambda each: CHANNELS[each][0] if each else "Any channel",
            key="msg_channel",
            bind="query-params",
            width=150,
        )
        source = st.selectbox(
            "Sent by",
            ["", *_SOURCES],
            format_func=lambda each: _SOURCES.get(each, "Anything"),
            key="msg_source",
            bind="query-params",
            width=180,
        )
        days = st.selectbox(
            "When",
            list(_DAYS),
            format_func=lambda each: _DAYS[each],
            key="msg_days",
            bind="query-params",
            width=150,
        )
    narrowed = _narrowed()
    return Sought(
        text=(text or "").replace("\0", "").strip()[:300],
        status="" if status in {None, _ANY} else str(status).lower().replace(" ", "_"),
        channel=channel or "",
        source=narrowed[0] or source or "",
        source_id=narrowed[1],
        customer_id=_number("customer"),
        reason=st.query_params.get("reason", "")[:100],
        since=_since(days or ""),
    )


def _narrowed() -> tuple[str, int | None]:
    """A campaign or automation that another page linked with; shown, and can be left again."""
    for name in ("campaign", "automation"):
        number = _number(name)
        if number is not None:
            title = source_name(int(Source[name.upper()]), number)
            _leave(f"Only of {title}", name)
            return name, number
    if st.query_params.get("reason"):
        _leave(f"Only with the reason {st.query_params['reason'].replace('_', ' ')}", "reason")
    if _number("customer") is not None:
        _leave("Only of one customer", "customer")
    return "", None


def _leave(words: str, name: str) -> None:
    if st.button(words, icon=":material/close:", key=f"msg_leave_{name}", help="Show all again"):
        del st.query_params[name]
        st.rerun()


def _number(name: str) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _since(days: str) -> datetime | None:
    """From the start of a calendar day of the workspace; a cached read needs a steady instant."""
    if not days:
        return None
    zone = workspace.settings().zone
    today = now().astimezone(zone).date()
    first = today - timedelta(days=int(days) - 1)
    return datetime.combine(first, time(), zone).astimezone(UTC)
