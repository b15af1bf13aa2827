"""Outbound webhooks as Settings shows them: the secret, the default address, what was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from segmind import clock
from segmind.callbacks import outbound
from segmind.callbacks.address import check, rules_of
from segmind.callbacks.outbound import Callback
from segmind.callbacks.state import State
from segmind.ui.access import allow
from segmind.ui.data import workspace
from segmind.ui.store import store
from segmind.workspace import signing_secret
from segmind.workspace.permissions import Action


@dataclass(frozen=True, slots=True)
class Told:
    """``counts``: the calls of the last seven days by state; ``calls``: the newest first."""

    secret_made_at: datetime | None
    counts: dict[State, int]
    calls: list[Callback]


@st.cache_data(ttl=2, max_entries=8, show_spinner=False)
def told(troubled: bool, limit: int = 50) -> Told:
    """How telling goes; ``troubled``: only calls that were not taken."""
    states = [s for s in State if s is not State.DELIVERED] if troubled else None
    with store().engine.connect() as conn:
        return Told(
            signing_secret.made_at(conn),
            outbound.counts(conn, clock.wall() - timedelta(days=7)),
            outbound.recent(conn, states=states, limit=limit),
        )


def new_secret() -> str:
    """Make a signing secret; returns what nobody can read again."""
    who = allow(Action.MANAGE_CREDENTIALS)
    opened = store()
    with opened.engine.begin() as conn:
        made = signing_secret.rotate(
            conn, opened.settings.secret_key, actor=who.email, now=clock.wall()
        )
    told.clear()
    return made


def save_address(url: str) -> None:
    """Where the status of single messages is told by default; empty: nowhere.

    Raises:
        RefusedAddress: it may not be called.
    """
    kept = url.strip()
    if kept:
        kept = check(kept, rules_of(store().settings), field="status_callback_url")
    workspace.save_settings({"status_callback_url": kept or None})
