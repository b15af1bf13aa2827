"""Customers understood: groups, cohorts, predictions, lapsing, hours of reaction."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import streamlit as st

from segmind.analytics import forecast_check, lapse, predicting, retention, rfm_groups, send_hours
from segmind.analytics.forecast_check import Check
from segmind.analytics.lapse import Lapse
from segmind.analytics.predicting import Outlook, Prospect
from segmind.analytics.retention import Cohorts, Retention
from segmind.analytics.rfm_groups import RfmGroups
from segmind.analytics.send_hours import Acts, SendHours
from segmind.segments import membership, rfm
from segmind.ui.data import facts, segments, workspace
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.store import now, store

#: What the best hours are told by.
BY_RFM = "RFM groups"
BY_SEGMENT = "Segments"
#: Who is in none of the groups.
EVERYBODY = "Everybody"
_MOST_SEGMENTS = 12


def rfm_table(segment_id: int | None = None) -> RfmGroups:
    """The RFM groups now and 30 days ago, of everybody or of a segment's members."""
    return _rfm(segment_id, facts.version())


@st.cache_data(ttl=120, max_entries=6, show_spinner=False)
def _rfm(segment_id: int | None, version: str) -> RfmGroups:
    del version
    return rfm_groups.rfm_groups(facts.facts(), now(), members=_members(segment_id))


def cohorts(
    asked: Asked, by: Cohorts, segment_id: int | None = None
) -> tuple[Retention, Retention | None]:
    """Retention of those who first bought in a stretch, and in the one before it (None: then the
    log had not begun). Raises InvalidPeriod."""
    return _cohorts(asked, by, segment_id, facts.version())


@st.cache_data(ttl=120, max_entries=12, show_spinner=False)
def _cohorts(
    asked: Asked, by: Cohorts, segment_id: int | None, version: str
) -> tuple[Retention, Retention | None]:
    del version
    known, period, moment = facts.facts(), period_of(asked), now()
    members = _members(segment_id)
    made = retention.retention(known, period, moment, by, members)
    first = known.log.first_ts
    if first is None or first > period.since:
        return made, None
    return made, retention.retention(known, period.before(), moment, by, members)


def outlook(days: int) -> Outlook | None:
    """What is expected of all customers in the next ``days``."""
    return _outlook(days, facts.version())


@st.cache_data(ttl=300, max_entries=4, show_spinner=False)
def _outlook(days: int, version: str) -> Outlook | None:
    del version
    return predicting.outlook(facts.facts(), now(), days)


def prospect(customer_id: int) -> Prospect | None:
    """What is expected of one customer in the next 90 days."""
    return predicting.of_customer(facts.facts(), customer_id, now())


def no_model() -> str:
    """Why nothing can be predicted: a sentence."""
    return predicting.reason(facts.facts(), now())


def check() -> Check | None:
    """The forecast of a while ago against what happened; worked out once a day."""
    zone = workspace.settings().zone
    day = now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return _check(day, facts.facts().models.version)


@st.cache_data(ttl=86_400, max_entries=2, show_spinner=False)
def _check(day: datetime, models: str) -> Check | None:
    del models
    return forecast_check.check(facts.facts(), day)


def lapsing() -> Lapse | None:
    """Thresholds of silence from the shop's own gaps between orders."""
    return _lapsing(facts.version())


@st.cache_data(ttl=300, max_entries=2, show_spinner=False)
def _lapsing(version: str) -> Lapse | None:
    del version
    return lapse.lapse(facts.facts(), now())


def hours(asked: Asked, by: str, acts: Acts | None) -> SendHours:
    """When groups of customers react or order, everybody first."""
    return _hours(asked, by, acts, facts.version())


@st.cache_data(ttl=300, max_entries=8, show_spinner=False)
def _hours(asked: Asked, by: str, acts: Acts | None, version: str) -> SendHours:
    del version
    known = facts.facts()
    groups = {EVERYBODY: np.flatnonzero(known.is_customer)}
    if by == BY_RFM:
        ids, place = rfm_groups.groups_by_customer(known, now())
        groups |= {g.name: ids[place == n] for n, g in enumerate(rfm.GROUPS)}
    else:
        for each in segments.listed()[:_MOST_SEGMENTS]:
            if each.size is not None:
                groups[each.name] = membership.members(store(), each.id).to_numpy()
    return send_hours.send_hours(known, period_of(asked), groups, acts)


def _members(segment_id: int | None) -> pl.Series | None:
    """The members of the newest count; None for everybody."""
    return None if segment_id is None else membership.members(store(), segment_id)
