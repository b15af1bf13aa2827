"""The period of a page, kept in its address so that a view can be shared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The last ``days`` calendar days of the workspace, today among them."""

    days: int

    @property
    def label(self) -> str:
        """``last 30 days``."""
        return f"last {self.days} days"

    @property
    def versus(self) -> str:
        """What it is compared with: ``vs 30 days before``."""
        return f"vs {self.days} days before"


def period_picker(key: str, *, default: str = "30d") -> Stretch:
    """Show the choice; ``key`` names the parameter in the address (``ov_range``)."""
    chosen = st.segmented_control(
        "Period",
        list(_DAYS),
        default=default,
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return Stretch(_DAYS.get(chosen or default, 30))
