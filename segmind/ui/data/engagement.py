"""What became of the messages."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st

from segmind.analytics import engagement
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.analytics.which import Which
from segmind.events.schema import Channel, Source
from segmind.ui.data import facts
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.data.sources import channel_name, source_name


@dataclass(frozen=True)
class Engaged:
    """A period's messages. ``course``: bucket and METRICS, all channels together.

    ``by_channel``: bucket and one column of sent messages a channel. ``sources``: kind, source_id,
    name, channel and METRICS.
    """

    period: Period
    now: dict[str, int]
    before: dict[str, int]
    course: pl.DataFrame
    by_channel: pl.DataFrame
    sources: pl.DataFrame
    definition: str


def engaged(days: Asked, channel: str | None) -> Engaged:
    """The messages of a stretch, of one channel or of all."""
    return _engaged(days, channel, facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _engaged(days: Asked, channel: str | None, version: str) -> Engaged:
    del version
    asked, period = facts.facts(), period_of(days)
    which = Which(channel=Channel[channel.upper()] if channel else None)
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
    sources = engagement.by_source(asked, period, which)
    return Engaged(
        period=period,
        now=engagement.totals(asked, period, which),
        before=engagement.totals(asked, period.before(), which),
        course=course,
        by_channel=wide.fill_null(0),
        sources=_named(sources),
        definition=engagement.definition(period).what,
    )


def click_rates() -> dict[int, float]:
    """Clicked of delivered by campaign, over the last year."""
    table = engaged(365, None).sources.filter(
        (pl.col("kind") == "campaign") & (pl.col("delivered") > 0)
    )
    rates = table.select("source_id", pl.col("clicked") / pl.col("delivered"))
    return dict(rates.iter_rows())


def _named(table: pl.DataFrame) -> pl.DataFrame:
    rows = table.to_dicts()
    kinds = [Source(r["source_kind"]).name.lower() if r["source_kind"] else "" for r in rows]
    names = [source_name(r["source_kind"], r["source_id"]) for r in rows]
    channels = [channel_name(r["channel"]) for r in rows]
    return table.select(
        pl.Series("kind", kinds, pl.String),
        "source_id",
        pl.Series("name", names, pl.String),
        pl.Series("channel", channels, pl.String),
        *METRICS,
    )
