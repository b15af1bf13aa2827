"""What the shop took and what messages are credited with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
import streamlit as st

from segmind.analytics import credit_by, currencies, funnel, revenue, segment_performance
from segmind.analytics.attribution import ledger
from segmind.analytics.funnel import Abandonment, Conversion, Funnel
from segmind.analytics.period import Period
from segmind.analytics.revenue import Summary
from segmind.analytics.rule import Rule
from segmind.analytics.rules import Windows, rule_of, windows_of
from segmind.events.schema import Source
from segmind.segments import membership
from segmind.segments.member_files import MembersMissing, NotRefreshed
from segmind.ui.data import facts, segments, workspace
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.data.sources import channel_name, source_name
from segmind.ui.store import store


@dataclass(frozen=True)
class Earned:
    """A period's revenue: sums, course, and credit by channel and by source.

    ``course``: bucket, net, orders. ``credited``: bucket and one column a channel.
    ``channels``: channel, orders, customers, revenue. ``sources``: kind, name, channel, orders,
    customers, revenue. Money in minor units.
    """

    period: Period
    now: Summary
    before: Summary
    course: pl.DataFrame
    credited: pl.DataFrame
    channels: pl.DataFrame
    sources: pl.DataFrame
    rule: Rule
    definition: str
    is_comparable: bool = True  # whether the period before has a sum in the same currency


@dataclass(frozen=True, slots=True)
class Credit:
    """What one campaign or automation is credited with, net of refunds, in minor units."""

    orders: int
    revenue: int


def earned(asked: Asked, rule: str = "last_click") -> Earned:
    """The revenue of a stretch, credited by the rule of this key."""
    settings = workspace.settings()
    return _earned(asked, rule, windows_of(settings), settings.currency, facts.version())


@st.cache_data(ttl=60, max_entries=12, show_spinner=False)
def _earned(chosen: Asked, key: str, windows: Windows, currency: str, version: str) -> Earned:
    del version
    asked, period, rule = facts.facts(), period_of(chosen), rule_of(key, windows)
    credits = ledger(asked, period, rule)
    past = ledger(asked, period.before(), rule)
    return Earned(
        period=period,
        now=revenue.summary(asked, period, credits),
        before=revenue.summary(asked, period.before(), past),
        course=revenue.over_time(asked, period).select("bucket", "net", "orders"),
        credited=_by_channel(revenue.attributed_over_time(credits)),
        channels=credit_by.by_channel(credits).with_columns(
            pl.col("channel").map_elements(channel_name, return_dtype=pl.String)
        ),
        sources=_named(credit_by.by_source(credits)),
        rule=rule,
        definition=rule.definition(period).what,
        is_comparable=not currencies.foreign(asked, period.before(), currency),
    )


def of_source(kind: str, number: int) -> Credit:
    """Everything that this campaign or automation was ever credited with."""
    code = Source.CAMPAIGN if kind == "campaign" else Source.AUTOMATION
    known = _credits(windows_of(workspace.settings()), facts.version())
    orders, revenue = known.get((int(code), number), (0, 0))
    return Credit(orders, revenue)


@st.cache_data(ttl=60, max_entries=2, show_spinner=False)
def _credits(windows: Windows, version: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Orders and revenue by kind and number of the source."""
    del version
    rule = rule_of("last_click", windows)
    entries = ledger(facts.facts(), period_of(400), rule).by("source_kind", "source_id")
    columns = entries.select("source_kind", "source_id", "orders", "revenue")
    return {(kind, source): (orders, net) for kind, source, orders, net in columns.iter_rows()}


@dataclass(frozen=True, slots=True)
class Funnels:
    """The funnel, abandonment and conversion of a stretch and of the one before it (None: the log
    had not begun then)."""

    now: Funnel
    abandoned: Abandonment
    converted: Conversion
    before: Funnel | None = None
    abandoned_before: Abandonment | None = None
    converted_before: Conversion | None = None


def product_funnel(days: Asked, by: str) -> Funnels:
    """The funnel, abandonment and conversion of a stretch."""
    return _funnel(days, by, facts.version())


@st.cache_data(ttl=120, max_entries=12, show_spinner=False)
def _funnel(days: Asked, by: str, version: str) -> Funnels:
    del version
    asked, period = facts.facts(), period_of(days)
    way: funnel.By = "customer" if by == "customer" else "session"
    past, first = period.before(), asked.log.first_ts
    made = Funnels(
        funnel.product_funnel(asked, period, way),
        funnel.abandonment(asked, period),
        funnel.conversion(asked, period),
    )
    if first is None or first > past.since:
        return made
    return replace(
        made,
        before=funnel.product_funnel(asked, past, way),
        abandoned_before=funnel.abandonment(asked, past),
        converted_before=funnel.conversion(asked, past),
    )


def performance(days: Asked) -> pl.DataFrame:
    """Segment performance: name, then segment_performance.PERFORMANCE_COLUMNS."""
    return _performance(days, facts.version())


@st.cache_data(ttl=120, max_entries=8, show_spinner=False)
def _performance(days: Asked, version: str) -> pl.DataFrame:
    del version
    members = {}
    for segment in segments.listed():
        try:
            members[segment.id] = membership.members(store(), segment.id)
        except (NotRefreshed, MembersMissing):
            continue  # no scheduler has counted it yet
    table = segment_performance.table(facts.facts(), members, period_of(days))
    names = segments.names()
    return table.with_columns(
        pl.Series("name", [names.get(n, f"Segment {n}") for n in table["segment_id"]], pl.String)
    )


def _by_channel(long: pl.DataFrame) -> pl.DataFrame:
    """One column of revenue a channel; only ``bucket`` when nothing is credited."""
    wide = long.select("bucket").unique().sort("bucket")
    for code in sorted(long["channel"].unique().drop_nulls().to_list()):
        column = long.filter(pl.col("channel") == code).select(
            "bucket", pl.col("revenue").alias(channel_name(code))
        )
        wide = wide.join(column, on="bucket", how="left")
    return wide.fill_null(0)


def _named(table: pl.DataFrame) -> pl.DataFrame:
    rows = table.to_dicts()
    return pl.DataFrame(
        {
            "kind": [str(Source(row["source_kind"]).name).lower() for row in rows],
            "source_id": [row["source_id"] for row in rows],
            "name": [source_name(row["source_kind"], row["source_id"]) for row in rows],
            "channel": [channel_name(row["channel"]) for row in rows],
            "orders": [row["orders"] for row in rows],
            "customers": [row["customers"] for row in rows],
            "revenue": [row["revenue"] for row in rows],
        },
        schema={
            "kind": pl.String,
            "source_id": pl.Int64,
            "name": pl.String,
            "channel": pl.String,
            "orders": pl.Int64,
            "customers": pl.Int64,
            "revenue": pl.Int64,
        },
    )
