"""What campaigns, automations and all marketing caused: reads for the pages."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import polars as pl
import streamlit as st

from segmind.analytics import currencies
from segmind.analytics.currencies import MixedCurrencies
from segmind.analytics.global_lift import NoGlobalHoldout, global_lift
from segmind.analytics.lift import Lift, incremental, measure
from segmind.analytics.period import Period
from segmind.analytics.roi import Incremental, Key
from segmind.analytics.rolling_lift import measure_rolling
from segmind.automations import automation as automations
from segmind.automations import held_out
from segmind.automations.held_out import NoHoldout
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import NotLaunchedYet, experiment_of, holding_out
from segmind.events.schema import Source
from segmind.experiments import several
from segmind.experiments.effect import Effect
from segmind.experiments.experiment import DAYS, Experiment, Rolling
from segmind.experiments.sentences import sentence
from segmind.ui import figures
from segmind.ui.data import campaigns as known_campaigns
from segmind.ui.data import facts, workspace
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.data.sources import source_name
from segmind.ui.store import now, store
from segmind.workspace import product_settings

#: An automation's lift is that of the customers who came within so many days.
LOOKED_BACK = 90


def of_campaign(campaign_id: int, days: int, *, by_variant: bool = False) -> Lift | None:
    """The lift of a launched campaign, orders counting for ``days``; None before its launch.

    Raises:
        MixedCurrencies: its orders have no common sum.
    """
    launched = known_campaigns.get(campaign_id).launched_at
    if launched is None:
        return None
    try:
        return _of_campaign(
            campaign_id, days, by_variant, _version(launched, days, facts.version())
        )
    except NotLaunchedYet:
        return None


@st.cache_data(ttl=300, max_entries=64, refresh_mode="background", show_spinner=False)
def _of_campaign(campaign_id: int, days: int, by_variant: bool, version: str) -> Lift:
    del version
    its = _experiment(campaign_id, days, by_variant)
    known = facts.facts()
    currencies.check_span(known, its.start, its.until, workspace.settings().currency)
    return measure(known, its, now())


def _version(launched: datetime, days: int, version: str) -> str:
    """What an answer is kept under: while orders still count, the facts; afterwards nothing, so
    that a late refund shows after five minutes, at the second look."""
    return version if now() < launched + timedelta(days=days) else "over"


@st.cache_data(ttl=600, max_entries=24, refresh_mode="background", show_spinner=False)
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
    known = facts.facts()
    currencies.check_span(known, since, as_of, workspace.settings().currency)
    return measure_rolling(known, _rolling(automation_id, since, as_of, days), as_of)


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
    known = facts.facts()
    currencies.check_span(known, since, as_of, workspace.settings().currency)
    return global_lift(known, percent, begun, as_of, days)


def caused(period: Period) -> dict[Key, Incremental]:
    """Incremental revenue by source of the campaigns launched in the period, and of automations by
    whom they met in it, where measured."""
    return incremental(of_sources(period))


def of_sources(period: Period, days: int = DAYS) -> dict[Key, Lift]:
    """The lift of every campaign launched in the period, and of every automation by whom it met in
    it, of those that hold somebody out; by kind and id of the source."""
    # To the minute, so that what was found is found again; nobody's days are over within one.
    until, version = period.until.replace(second=0, microsecond=0), facts.version()
    found: dict[Key, Lift] = {}
    for number, at in _holding_out(period.since, until).items():
        with suppress(MixedCurrencies):  # has no sum, so no lift
            found[int(Source.CAMPAIGN), number] = _of_campaign(
                number, days, False, _version(at, days, version)
            )
    return found | _of_automations(period.since, until, days, version)


@st.cache_data(ttl=30, max_entries=8, show_spinner=False)
def _holding_out(since: datetime, until: datetime) -> dict[int, datetime]:
    with store().engine.connect() as conn:
        return holding_out(conn, since, until)


@st.cache_data(ttl=120, max_entries=8, show_spinner=False)
def _of_automations(since: datetime, until: datetime, days: int, version: str) -> dict[Key, Lift]:
    del version
    known, as_of = facts.facts(), now()
    with store().engine.connect() as conn:
        rolling = held_out.with_holdout(conn, since, until, days)
    return {
        (int(Source.AUTOMATION), number): measure_rolling(known, its, as_of)
        for number, its in rolling.items()
    }


def across(asked: Asked, days: int) -> pl.DataFrame:
    """Every campaign launched in the stretch and every automation, of those that hold somebody out,
    the newest campaigns first: name, kind, customers, held, share, held_share, incremental, low,
    high (units of the currency; null: not measured), p_revenue, p_orders, says (the interval, or
    why there is none, in words), sound, open (address of its page), p_together (p_revenue where
    all of them are looked at: Holm's)."""
    currency = workspace.settings().currency
    found = of_sources(period_of(asked), days)
    rows = [_row(kind, number, its, currency) for (kind, number), its in found.items()]
    table = pl.DataFrame(rows, schema=_ACROSS, orient="row")
    known = {str(n): p for n, p in enumerate(table["p_revenue"]) if p is not None}
    together = several.corrected(known)
    table = table.with_columns(
        pl.Series("p_together", [together.get(str(n)) for n in range(table.height)], pl.Float64)
    )
    return table.sort("kind", "id", descending=[False, True], maintain_order=True).drop("id")


def _row(kind: object, number: object, lift: Lift, currency: str) -> tuple[object, ...]:
    arms, held = lift.arms, lift.control
    customers = sum(each.arm.customers for each in arms)
    buyers = sum(each.arm.buyers for each in arms)
    # The intervals of several branches do not add up: the first one's stands for them.
    one = arms[0] if arms else None
    total = one.total_revenue if one is not None else None
    measured = total if isinstance(total, Effect) else None
    source = Source(int(str(kind)))
    ends: list[float | None] = [None, None, None]
    if measured is not None:
        bounds = (measured.estimate, measured.low, measured.high)
        ends = [figures.major(end, currency) for end in bounds]
    return (
        int(str(number)),
        source_name(int(source), int(str(number))),
        source.name.capitalize(),
        customers,
        held.customers,
        buyers / customers if customers else None,
        held.conversion_rate,
        *ends,
        one.p_revenue if one is not None else None,
        one.p_conversion if one is not None else None,
        sentence(total, lambda value: figures.money(round(value), currency))
        if total is not None
        else "Nobody came in this period.",
        lift.ratio.is_sound,
        f"/{source.name.lower()}?id={number}",
    )


_ACROSS: Final[dict[str, pl.DataType]] = {
    "id": pl.Int64(),
    "name": pl.String(),
    "kind": pl.String(),
    "customers": pl.Int64(),
    "held": pl.Int64(),
    "share": pl.Float64(),
    "held_share": pl.Float64(),
    "incremental": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "p_revenue": pl.Float64(),
    "p_orders": pl.Float64(),
    "says": pl.String(),
    "sound": pl.Boolean(),
    "open": pl.String(),
}
