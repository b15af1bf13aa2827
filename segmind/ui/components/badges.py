"""States as words with a colour and an icon, never by colour alone."""

from __future__ import annotations

from typing import Literal

import streamlit as st

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]

#: What each state is called, its colour and its icon.
STATES: dict[str, tuple[str, Colour, str]] = {
    "draft": ("Draft", "gray", "edit_note"),
    "scheduled": ("Scheduled", "blue", "schedule"),
    "launching": ("Preparing", "blue", "hourglass_top"),
    "sending": ("Sending", "primary", "send"),
    "paused": ("Paused", "orange", "pause_circle"),
    "sent": ("Sent", "green", "check_circle"),
    "cancelled": ("Cancelled", "gray", "cancel"),
    "missed": ("Missed", "red", "event_busy"),
    "live": ("On", "green", "play_circle"),
    "stopped": ("Off", "gray", "stop_circle"),
    "running": ("Running", "blue", "autorenew"),
    "done": ("Done", "green", "check_circle"),
    "failed": ("Failed", "red", "error"),
    "waiting": ("Waiting", "blue", "hourglass_top"),
    "exited": ("Finished", "gray", "logout"),
}
CHANNELS: dict[str, tuple[str, str]] = {
    "email": ("E-mail", "mail"),
    "sms": ("SMS", "sms"),
    "push": ("Push", "notifications"),
}


def state_badge(state: str) -> None:
    """Show a state's badge."""
    label, colour, icon = STATES.get(state, (state.capitalize(), "gray", "circle"))
    st.badge(label, color=colour, icon=f":material/{icon}:")


def state_text(state: str) -> str:
    """A state's badge as Markdown, for a line of text."""
    label, colour, icon = STATES.get(state, (state.capitalize(), "gray", "circle"))
    return f":{colour}-badge[:material/{icon}: {label}]"


def state_label(state: str) -> str:
    """A state's name alone, for tables."""
    return STATES.get(state, (state.capitalize(), "gray", ""))[0]


def channel_text(channel: str) -> str:
    """A channel with its icon, as Markdown."""
    label, icon = CHANNELS.get(channel, (channel, "circle"))
    return f":material/{icon}: {label}"


def channel_label(channel: str) -> str:
    """A channel's name on screen."""
    return CHANNELS.get(channel, (channel, ""))[0]
