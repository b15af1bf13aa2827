"""What bounces, complains and opts out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st

from segmind.analytics import deliverability
from segmind.analytics.carriage import carriage
from segmind.analytics.deliverability import Alarm
from segmind.analytics.period import Period
from segmind.events.schema import Channel
from segmind.ui.data import facts
from segmind.ui.data.periods import period_of
from segmind.ui.store import store


@dataclass(frozen=True)
class Delivered:
    """A period's messages: ``places`` and ``before`` as ``deliverability.by_place``, ``course`` as
    ``deliverability.over_time``, ``alarms`` the thresholds that were passed."""

    period: Period
    places: pl.DataFrame
    before: pl.DataFrame
    course: pl.DataFrame
    alarms: list[Alarm]


def delivered(days: int, channel: str | None) -> Delivered:
    """The messages of the last ``days``, of one channel or of all."""
    return _delivered(days, channel, facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _delivered(days: int, channel: str | None, version: str) -> Delivered:
    del version
    asked, period, carried = facts.facts(), period_of(days), carriage(store())
    wanted = pl.lit(value=True)
    if channel:
        wanted = pl.col("channel") == int(Channel[channel.upper()])
    places = deliverability.by_place(asked, carried, period).filter(wanted)
    return Delivered(
        period=period,
        places=places,
        before=deliverability.by_place(asked, carried, period.before()).filter(wanted),
        course=deliverability.over_time(asked, carried, period).filter(wanted),
        alarms=deliverability.alarms(places),
    )
