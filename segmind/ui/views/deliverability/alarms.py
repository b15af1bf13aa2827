"""Thresholds that were passed, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.analytics.deliverability import ENOUGH, Alarm
from segmind.ui import figures
from segmind.ui.components.badges import channel_label
from segmind.ui.escaped import escaped

_WORDS = {
    "complained": "were marked as spam",
    "bounced": "bounced",
    "unsubscribed": "led to an opt-out",
    "delivered": "are confirmed as delivered",
}
#: More of them are summed up in a line.
_SHOWN = 5


def show(alarms: Sequence[Alarm]) -> None:
    """The worst first; a calm line where there is none."""
    if not alarms:
        st.success(
            "Nothing passes a threshold of the mailbox providers and carriers. Places with fewer "
            f"than {ENOUGH} messages are not judged.",
            icon=":material/check_circle:",
        )
        return
    for alarm in alarms[:_SHOWN]:
        where = f" to {escaped(alarm.place)}" if alarm.place else ""
        limit = figures.percent(alarm.limit, 1)
        said = (
            f"**{figures.percent(alarm.share, 2)} of {channel_label(alarm.channel.label)} messages"
            f"{where} {_WORDS[alarm.metric]}** (the limit is {limit}). {alarm.why}"
        )
        if alarm.level == "bad":
            st.error(said, icon=":material/error:")
        else:
            st.warning(said, icon=":material/warning:")
    if len(alarms) > _SHOWN:
        st.caption(f"{len(alarms) - _SHOWN} more places pass a threshold; see the table below.")
