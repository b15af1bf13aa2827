"""What campaigns, automations and all marketing caused: reads for the pages."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from segmind.analytics import currencies
from segmind.analytics.global_lift import NoGlobalHoldout, global_lift
from segmind.analytics.lift import Lift, incremental, measure
from segmind.analytics.period import Period
from segmind.analytics.roi import Incremental, Key
from segmind.analytics.rolling_lift import measure_rolling
from segmind.automations import automation as automations
from segmind.automations import held_out
from segmind.automations.held_out import NoHoldout
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import NotLaunchedYet, experiment_of, with_holdout
from segmind.events.schema import Source
from segmind.experiments.experiment import DAYS, Experiment, Rolling
from segmind.ui.data import facts, workspace
from segmind.ui.store import now, store
from segmind.workspace import product_settings

#: An automation's lift is that of the customers who came within so many days.
LOOKED_BACK = 90


def of_campaign(campaign_id: int, days: int, *, by_variant: bool = False) -> Lift | None:
    """The lift of a launched campaign, orders counting for ``days``; None before its launch.

    Raises:
        MixedCurrencies: its orders have no common sum.
    """
    try:
        return _of_campaign(campaign_id, days, by_variant, facts.version())
    except NotLaunchedYet:
        return None


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def _of_campaign(campaign_id: int, days: int, by_variant: bool, version: str) -> Lift:
    del version
    its = _experiment(campaign_id, days, by_variant)
    currencies.check_span(facts.facts(), its.start, its.until, workspace.settings().currency)
    return measure(facts.facts(), its, now())


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def _experiment(campaign_id: int, days: int, by_variant: bool) -> Experiment:
    """A frozen audience stays as it is (but for erased customers, whom the facts leave out)."""
    with store().engine.connect() as conn:
        return experiment_of(conn, campaigns.get(conn, campaign_id), days, by_variant=by_variant)


def of_automation(automation_id: int, days: int, looked_back: int = LOOKED_BACK) -> Lift | None:
    """The lift of an automation over the customers who came within ``looked_back`` days, orders
    counting for ``days``; None where it holds nobody out.

    Raises:
        MixedCurrencies: its orders have no common sum.
    """
    try:
        return _of_automation(automation_id, days, looked_back, facts.version())
    except NoHoldout:
        return None


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _of_automation(automation_id: int, days: int, looked_back: int, version: str) -> Lift:
    del version
    as_of = now()
    since = as_of - timedelta(days=looked_back)
    currencies.check_span(facts.facts(), since, as_of, workspace.settings().currency)
    return measure_rolling(facts.facts(), _rolling(automation_id, since, as_of, days), as_of)


def _rolling(automation_id: int, since: datetime, until: datetime, days: int) -> Rolling:
    with store().engine.connect() as conn:
        known = automations.get(conn, automation_id)
        return held_out.experiment_of(conn, known, since, until, days)


def of_everything(days: int) -> Lift | None:
    """The lift of all marketing over the last ``days``; None where nobody is held out of it.

    Raises:
        MixedCurrencies: its orders have no common sum.
    """
    try:
        return _of_everything(days, workspace.settings().global_holdout_percent, facts.version())
    except NoGlobalHoldout:
        return None


@st.cache_data(ttl=120, max_entries=8, show_spinner=False)
def _of_everything(days: int, percent: float, version: str) -> Lift:
    del version
    as_of = now()
    with store().engine.connect() as conn:
        begun = product_settings.since_when(conn, "global_holdout_percent")
    since = as_of - timedelta(days=days)
    currencies.check_span(facts.facts(), since, as_of, workspace.settings().currency)
    return global_lift(facts.facts(), percent, begun, as_of, days)


def caused(period: Period) -> dict[Key, Incremental]:
    """Incremental revenue by source of the campaigns launched in the period, and of automations by
    whom they met in it, where measured."""
    return incremental(of_sources(period))


def of_sources(period: Period, days: int = DAYS) -> dict[Key, Lift]:
    """The lift of every campaign launched in the period, and of every automation by whom it met in
    it, of those that hold somebody out; by kind and id of the source."""
    return _of_sources(period.since, period.until, days, facts.version())


@st.cache_data(ttl=120, max_entries=8, show_spinner=False)
def _of_sources(since: datetime, until: datetime, days: int, version: str) -> dict[Key, Lift]:
    del version
    known, as_of = facts.facts(), now()
    with store().engine.connect() as conn:
        launched = with_holdout(conn, since, until, days)
        rolling = held_out.with_holdout(conn, since, until, days)
    found: dict[Key, Lift] = {
        (int(Source.CAMPAIGN), number): measure(known, its, as_of)
        for number, its in launched.items()
    }
    for number, its in rolling.items():
        found[int(Source.AUTOMATION), number] = measure_rolling(known, its, as_of)
    return found
