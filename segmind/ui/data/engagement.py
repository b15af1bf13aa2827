"""What became of the messages."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st

from segmind.analytics import engagement, engagement_by
from segmind.analytics.engagement_by import Dimension
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.analytics.which import Which
from segmind.events.schema import Channel, Source
from segmind.ui.data import facts, group_names, segment_members
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.data.sources import channel_name
from segmind.ui.store import store


@dataclass(frozen=True)
class Engaged:
    """A period's messages. ``course``: bucket and METRICS, all channels together.

    ``by_channel``: bucket and one column of sent messages a channel.
    """

    period: Period
    now: dict[str, int]
    before: dict[str, int]
    course: pl.DataFrame
    by_channel: pl.DataFrame
    definition: str


def engaged(days: Asked, channel: str | None, segment_id: int | None = None) -> Engaged:
    """The messages of a stretch, of one channel or of all, to the present members of a segment or
    to everybody."""
    return _engaged(days, channel, segment_id, facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _engaged(days: Asked, channel: str | None, segment_id: int | None, version: str) -> Engaged:
    del version
    asked, period = facts.facts(), period_of(days)
    which = _which(channel, segment_id)
    long = engagement.over_time(asked, period, which)
    course = long.group_by("bucket").agg(pl.col(list(METRICS)).sum()).sort("bucket")
    wide = period.buckets()
    for code in sorted(long["channel"].unique().drop_nulls().to_list()):
        sent = long.filter(pl.col("channel") == code)
        wide = wide.join(
            sent.select("bucket", pl.col("sent").alias(channel_name(code))),
            on="bucket",
            how="left",
        )
    return Engaged(
        period=period,
        now=engagement.totals(asked, period, which),
        before=engagement.totals(asked, period.before(), which),
        course=course,
        by_channel=wide.fill_null(0),
        definition=engagement.definition(period).what,
    )


def click_rates() -> dict[int, float]:
    """Clicked of delivered by campaign, over the last year."""
    return _click_rates(facts.version())


@st.cache_data(ttl=60, max_entries=1, show_spinner=False)
def _click_rates(version: str) -> dict[int, float]:
    del version
    campaigns = Which(source=Source.CAMPAIGN)
    table = engagement.by_source(facts.facts(), period_of(365), campaigns)
    some = table.group_by("source_id").agg(pl.col("clicked", "delivered").sum())
    some = some.filter(pl.col("delivered") > 0)
    return dict(some.select("source_id", pl.col("clicked") / pl.col("delivered")).iter_rows())


def grouped(
    days: Asked, channel: str | None, segment_id: int | None, by: Dimension
) -> pl.DataFrame:
    """Messages of ``engaged`` by one dimension: name, channel (null: of several), METRICS, open
    (address of its page; null: it has none)."""
    return _grouped(days, channel, segment_id, by, facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _grouped(
    days: Asked, channel: str | None, segment_id: int | None, by: Dimension, version: str
) -> pl.DataFrame:
    del version
    members = segment_members.of_all() if by == "segment" else {}
    which = _which(channel, segment_id)
    with store().engine.connect() as conn:
        table = engagement_by.table(conn, facts.facts(), period_of(days), by, which, members)
    return table.select(
        pl.Series("name", group_names.names(table, by), pl.String),
        pl.Series("channel", group_names.channels(table), pl.String),
        *METRICS,
        pl.Series("open", group_names.addresses(table, by), pl.String),
    )


def _which(channel: str | None, segment_id: int | None) -> Which:
    members = None
    if segment_id is not None:
        members = segment_members.of(segment_id)
        members = pl.Series([], dtype=pl.Int64) if members is None else members
    return Which(channel=Channel[channel.upper()] if channel else None, customers=members)
