"""What campaigns caused: reads for the pages."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from segmind.analytics.lift import Lift, incremental, measure
from segmind.analytics.period import Period
from segmind.analytics.roi import Incremental, Key
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import NotLaunchedYet, experiment_of, with_holdout
from segmind.events.schema import Source
from segmind.experiments.experiment import Experiment
from segmind.ui.data import facts
from segmind.ui.store import now, store


def of_campaign(campaign_id: int, days: int) -> Lift | None:
    """The lift of a launched campaign, orders counting for ``days``; None before its launch."""
    try:
        return _measured(campaign_id, days, facts.version())
    except NotLaunchedYet:
        return None


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _measured(campaign_id: int, days: int, version: str) -> Lift:
    del version
    return measure(facts.facts(), _experiment(campaign_id, days), now())


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def _experiment(campaign_id: int, days: int) -> Experiment:
    """A frozen audience stays as it is (but for erased customers, whom the facts leave out)."""
    with store().engine.connect() as conn:
        return experiment_of(conn, campaigns.get(conn, campaign_id), days)


def caused(period: Period) -> dict[Key, Incremental]:
    """Incremental revenue by source of the campaigns launched in the period, where measured."""
    found = _with_holdout(period.since, period.until)
    keyed: dict[Key, Experiment] = {(int(Source.CAMPAIGN), n): its for n, its in found.items()}
    return incremental(facts.facts(), keyed, now())


@st.cache_data(ttl=120, max_entries=4, show_spinner=False)
def _with_holdout(since: datetime, until: datetime) -> dict[int, Experiment]:
    with store().engine.connect() as conn:
        return with_holdout(conn, since, until)
