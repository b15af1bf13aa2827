"""The pages, by section. Detail pages are hidden: they are opened with ``?id=``."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.settings import ROOT

_FOLDER = ROOT / "pages"

#: Section, file, title, icon, tooltip. The first page is the default and answers at ``/`` only.
_VISIBLE = (
    ("", "overview", "Overview", "space_dashboard", "How the shop is doing"),
    ("Audience", "segments", "Segments", "filter_alt", "Groups of customers by rule"),
    ("Audience", "moves", "Segment moves", "sync_alt", "From segment to segment, and overlaps"),
    ("Audience", "customers", "Customers", "group", "Find one person"),
    (
        "Audience",
        "insights",
        "Customer insight",
        "psychology",
        "RFM groups, retention, predictions, lapsing, best hours",
    ),
    ("Engage", "campaigns", "Campaigns", "campaign", "One-off sends to a segment"),
    ("Engage", "automations", "Automations", "account_tree", "Messages that send themselves"),
    ("Engage", "replies", "Replies", "sms", "What customers wrote back"),
    ("Engage", "messages", "Messages", "forum", "Find one message and follow it"),
    ("Measure", "engagement", "Engagement", "monitoring", "What became of the messages"),
    (
        "Measure",
        "deliverability",
        "Deliverability",
        "health_and_safety",
        "What bounces, complains and opts out",
    ),
    ("Measure", "revenue", "Revenue", "payments", "What the messages earned"),
    ("Measure", "lift", "Lift", "science", "What would not have happened anyway"),
    ("Admin", "data", "Data", "database", "The event log, imports and jobs"),
    ("Admin", "settings", "Settings", "settings", "Workspace, sending, keys and members"),
)
_HIDDEN = (
    ("segment", "Segment", "filter_alt"),
    ("customer", "Customer", "person"),
    ("campaign", "Campaign", "campaign"),
    ("automation", "Automation", "account_tree"),
    ("message", "Message", "mail"),
)
#: What `st.Page` is told beside file and address. A list makes a link a line: each is made alone.
_SHOWN: Final[dict[str, dict[str, Any]]] = {
    name: {
        "title": title,
        "icon": f":material/{icon}:",
        "default": name == _VISIBLE[0][1],
        "help": tip,
    }
    for _, name, title, icon, tip in _VISIBLE
} | {
    name: {"title": title, "icon": f":material/{icon}:", "visibility": "hidden"}
    for name, title, icon in _HIDDEN
}


def pages() -> dict[str, list[Any]]:
    """Every page by section, made anew for each run (pages made outside of a run are inert)."""
    sections: dict[str, list[Any]] = {}
    for section, name, *_ in _VISIBLE:
        sections.setdefault(section, []).append(page(name))
    sections[""].extend(page(name) for name, *_ in _HIDDEN)
    return sections


def page(name: str) -> Any:
    """One page by its name, for links: ``st.page_link(page("segment"), query_params=...)``.

    Raises KeyError for a name that no page has.
    """
    return st.Page(_FOLDER / f"{name}.py", url_path=name, **_SHOWN[name])


def open_page(name: str, **params: object) -> None:
    """Go to a page; ends this run."""
    st.switch_page(page(name), query_params={key: str(value) for key, value in params.items()})


def id_in_url() -> int | None:
    """The ``id`` parameter as a positive number; None where it is missing or is none."""
    text = st.query_params.get("id", "")
    return int(text) if text.isdigit() and len(text) < 19 and int(text) > 0 else None
