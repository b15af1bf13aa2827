"""Of which moment a question speaks: of now, or of one in the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from segmind.ui import figures
from segmind.ui.data import workspace
from segmind.ui.store import now


def moment_picker(key: str, *, label: str = "As of") -> datetime | None:
    """Show the choice; returns the chosen instant in UTC, None for now.

    Day and time are those of the workspace's zone, which is written beside them.
    """
    zone = workspace.settings().zone
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{key}_row"):
        which = st.segmented_control(
            label,
            ["Now", "A past moment"],
            default="Now",
            required=True,
            key=f"{key}_which",
            width="content",
        )
        if which != "A past moment":
            return None
        yesterday = now().astimezone(zone) - timedelta(days=1)
        picked = st.datetime_input(
            f"Day and time ({zone.key})",
            yesterday.replace(tzinfo=None, minute=0, second=0, microsecond=0),
            max_value=now().astimezone(zone).replace(tzinfo=None) + timedelta(days=1),
            key=f"{key}_at",
            step=timedelta(minutes=15),
            width=230,
        )
    if picked is None:
        return None
    return picked.replace(tzinfo=zone).astimezone(UTC)


def said(at: datetime | None, shown: datetime) -> str:
    """The moment in words: the chosen one, else the instant of the answer."""
    zone = workspace.settings().zone
    return figures.clock_time(shown, zone) if at is None else figures.instant(at, zone)
