"""How messages leave: senders, quiet hours, caps, prices, providers and their credentials."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.confirm import say
from segmind.ui.data import workspace as data
from segmind.ui.views.settings import providers
from segmind.workspace.permissions import Action
from segmind.workspace.product_settings import ChannelName, ProductSettings


def show(viewer: Viewer) -> None:
    """Rules of sending, then the providers."""
    now = data.settings()
    locked = not viewer.may(Action.EDIT_SETTINGS)
    _rules(now, locked)
    providers.show(viewer)


def _rules(now: ProductSettings, locked: bool) -> None:
    changes: dict[str, Any] = {"quiet_hours": {}, "caps": {}}
    with st.form("sending_settings"):
        st.subheader("Senders", anchor=False)
        left, middle, right = st.columns(3)
        changes["email_from_name"] = left.text_input(
            "E-mail sender name", now.email_from_name, disabled=locked, key="set_from_name"
        )
        changes["email_from"] = middle.text_input(
            "E-mail sender address", now.email_from, disabled=locked, key="set_from"
        )
        changes["sms_sender"] = right.text_input(
            "SMS sender", now.sms_sender, disabled=locked, key="set_sms_sender"
        )
        st.subheader(
            "Limits by channel",
            anchor=False,
            help="Marketing messages only. Quiet hours are in the recipient's own time zone.",
        )
        for channel, (label, _) in CHANNELS.items():
            _limits(channel, label, now, changes, locked)
        changes["in_doubt_policy"] = st.selectbox(
            "A message that nobody can prove sent or unsent",
            ["hold", "assume_sent", "send_again"],
            index=["hold", "assume_sent", "send_again"].index(now.in_doubt_policy),
            format_func=lambda key: {
                "hold": "stays in doubt until somebody decides",
                "assume_sent": "counts as sent",
                "send_again": "is sent again (somebody may get it twice)",
            }[key],
            disabled=locked,
            key="set_in_doubt",
            width=480,
        )
        sent = st.form_submit_button("Save", type="primary", disabled=locked, key="set_send_save")
    if sent:
        with problems.shown("Save the settings"):
            data.save_settings(changes)
            say("Settings saved")
            st.rerun()


def _limits(
    channel: str, label: str, now: ProductSettings, changes: dict[str, Any], locked: bool
) -> None:
    name = cast(ChannelName, channel)
    quiet, cap = now.quiet_hours.get(name), now.caps.get(name)
    cost_field = f"{channel}_cost_micros"
    cells = st.columns([1.1, 1, 1, 1, 1, 1.2], vertical_alignment="bottom")
    cells[0].markdown(f":material/{CHANNELS[channel][1]}: **{label}**")
    start = cells[1].text_input(
        "Quiet from", quiet.start if quiet else "", placeholder="none", disabled=locked,
        key=f"set_{channel}_quiet_from",
    )  # fmt: skip
    end = cells[2].text_input(
        "until", quiet.end if quiet else "", placeholder="none", disabled=locked,
        key=f"set_{channel}_quiet_until",
    )  # fmt: skip
    day = cells[3].number_input(
        "At most a day", 1, 100, cap.per_day if cap else None, placeholder="no cap",
        disabled=locked, key=f"set_{channel}_cap_day",
    )  # fmt: skip
    week = cells[4].number_input(
        "At most a week", 1, 500, cap.per_week if cap else None, placeholder="no cap",
        disabled=locked, key=f"set_{channel}_cap_week",
    )  # fmt: skip
    cost = cells[5].number_input(
        f"Cost of one{' part' if channel == 'sms' else ''}, {now.currency}",
        0.0, 100.0, getattr(now, cost_field) / 1_000_000, format="%.4f", step=0.0001,
        disabled=locked, key=f"set_{channel}_cost",
    )  # fmt: skip
    if start and end:
        changes["quiet_hours"][channel] = {"start": start, "end": end}
    if day and week:
        changes["caps"][channel] = {
            "per_day": int(day),
            "per_week": int(week),
            "gap_hours": cap.gap_hours if cap else 0,
        }
    changes[cost_field] = round(float(cost or 0) * 1_000_000)
