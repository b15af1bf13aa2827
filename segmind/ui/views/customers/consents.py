"""The consent ledger of one customer: every yes and no with its proof."""

from __future__ import annotations

import streamlit as st

from segmind.consent.ledger import MARKETING, ConsentEntry
from segmind.customers.profile import Profile
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.empty import empty_state
from segmind.ui.data import customers, workspace

_SOURCES = {
    "form": "on a form",
    "api": "over the API",
    "import": "by an import",
    "sms_keyword": "by text message",
    "one_click": "by the mail client's unsubscribe button",
    "preferences": "on the preference page",
    "provider": "told by the provider",
    "admin": "entered by hand",
    "reply": "in a reply",
}


def show(person: Profile) -> None:
    """The newest first."""
    found = customers.consents(person.customer.id)
    if not found:
        empty_state(
            "Never asked",
            "No yes and no no is recorded. Marketing needs a yes: record one beside the channel, "
            "or send consents over the API.",
            icon="help",
            key="consents",
        )
        return
    for entry in found:
        _entry(entry)


def _entry(entry: ConsentEntry) -> None:
    label, icon = CHANNELS[entry.channel.label]
    verdict = (
        ":green-badge[:material/check_circle: Yes]"
        if entry.status
        else ":orange-badge[:material/do_not_disturb_on: No]"
    )
    topic = "" if entry.purpose == MARKETING else f" to {entry.purpose}"
    with st.container(border=True):
        how = _SOURCES.get(entry.source, entry.source)
        st.markdown(f":material/{icon}: **{label}** {verdict} {how}{topic}")
        by = "" if entry.actor in ("", "customer") else f" · {entry.actor}"
        st.caption(f"{figures.instant(entry.at, workspace.settings().zone)}{by}")
        if entry.evidence:
            with st.expander("Proof"):
                st.json(dict(entry.evidence))
