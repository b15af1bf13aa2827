"""What campaigns caused: reads for the pages."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from segmind.analytics.lift import Experiment, Lift, measure
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import Groups, groups
from segmind.ui.data import facts, workspace
from segmind.ui.store import now, store


def of_campaign(campaign_id: int, days: int) -> Lift | None:
    """The lift of a launched campaign, orders counting for ``days``; None before its launch."""
    with store().engine.connect() as conn:
        campaign = campaigns.get(conn, campaign_id)
    if campaign.launched_at is None or campaign.frozen_at is None:
        return None
    return _measured(campaign_id, campaign.launched_at, days, facts.version())


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _measured(campaign_id: int, start: datetime, days: int, version: str) -> Lift:
    del version
    drawn = _groups(campaign_id, start)
    experiment = Experiment(
        arms=drawn.arms,
        control=drawn.held_out,
        weights=drawn.weights,
        start=start,
        days=days,
        zone=workspace.settings().timezone,
    )
    return measure(facts.facts(), experiment, now())


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def _groups(campaign_id: int, start: datetime) -> Groups:
    """A frozen audience stays as it is (but for erased customers, whom the facts leave out)."""
    del start
    with store().engine.connect() as conn:
        return groups(conn, campaigns.get(conn, campaign_id))
