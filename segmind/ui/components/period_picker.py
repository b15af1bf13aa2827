"""The period of a page, kept in its address so that a view can be shared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import streamlit as st

from segmind.ui.data import workspace
from segmind.ui.data.periods import Asked
from segmind.ui.store import now

_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
_CUSTOM: Final = "Dates"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The last ``days`` calendar days of the workspace, today among them; or those from ``first``
    to ``last``, both among them, of which there are ``days``."""

    days: int
    first: date | None = None
    last: date | None = None

    @property
    def asked(self) -> Asked:
        """What reads are asked for."""
        return self.days if self.first is None or self.last is None else (self.first, self.last)

    @property
    def label(self) -> str:
        """``last 30 days``; ``days from 1 Mar to 7 Mar 2026``."""
        if self.first is None or self.last is None:
            return f"last {self.days} days"
        return f"days from {self.first:%-d %b %Y} to {self.last:%-d %b %Y}"

    @property
    def versus(self) -> str:
        """What it is compared with: ``vs 30 days before``."""
        return f"vs {self.days} day{'s' * (self.days != 1)} before"


def period_picker(key: str, *, default: str = "30d", dates: bool = False) -> Stretch:
    """Show the choice; ``key`` names the parameter in the address (``ov_range``). With ``dates``,
    any days up to today can be chosen."""
    chosen = st.segmented_control(
        "Period",
        [*_DAYS, *([_CUSTOM] if dates else [])],
        default=default,
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen == _CUSTOM:
        return _dates(f"{key}_dates")
    return Stretch(_DAYS.get(chosen or default, 30))


def _dates(key: str) -> Stretch:
    today = now().astimezone(workspace.settings().zone).date()
    picked = st.date_input(
        "From and to",
        (today - timedelta(days=29), today),
        min_value=date(1970, 1, 1),
        max_value=today,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        width=250,
    )
    found = [picked] if isinstance(picked, date) else sorted(picked or ())
    # Between the two clicks only the first day is known.
    first = found[0] if found else today
    last = found[1] if len(found) > 1 else first
    return Stretch((last - first).days + 1, first, last)
