"""Engagement by what tells its messages apart: source, step, variant, channel, segment, day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

import polars as pl
from sqlalchemy import Connection

from segmind.analytics import engagement, first_receipts
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.analytics.which import Which
from segmind.customers.facts import Facts
from segmind.db.copy import copy_out
from segmind.events.schema import Source

Dimension = Literal["source", "step", "variant", "channel", "segment", "day"]
_MAKERS: Final = {"step": Source.AUTOMATION, "variant": Source.CAMPAIGN}


def table(
    conn: Connection,
    facts: Facts,
    period: Period,
    by: Dimension,
    which: Which | None = None,
    members: Mapping[int, pl.Series] | None = None,
) -> pl.DataFrame:
    """The keys of one dimension, as ``credit_by.DIMENSIONS`` has them, and METRICS (Int64).

    ``members``: of each segment by id, for figures by segment.
    """
    match by:
        case "source":
            return engagement.by_source(facts, period, which)
        case "channel":
            return engagement.by_channel(facts, period, which)
        case "step" | "variant":
            return by_part(conn, facts, period, by, which)
        case "segment":
            return by_segment(facts, period, members or {}, which)
        case "day":
            return by_day(facts, period, which)


def by_day(facts: Facts, period: Period, which: Which | None = None) -> pl.DataFrame:
    """One row per calendar day of the period's zone on which anything was: day Date, METRICS."""
    days = replace(period, grain="day")
    told = engagement.counted(facts, days, which, ["bucket"])
    return told.select(pl.col("bucket").cast(pl.Date).alias("day"), *METRICS).sort("day")


def by_segment(
    facts: Facts, period: Period, members: Mapping[int, pl.Series], which: Which | None = None
) -> pl.DataFrame:
    """One row per segment, in the order of ``members``: segment_id Int64, METRICS Int64.

    ``members``: present customer ids (Int64) by segment id. A customer may be in several segments,
    so that rows do not add up to the totals.
    """
    asked = which or Which()
    parts = first_receipts.first(facts, period, asked)
    rows = []
    for segment_id, ids in members.items():
        mine = first_receipts.behind(facts, ids)
        told = pl.concat([firsts.told_to(mine).tallied(sign) for sign, firsts in parts])
        sums = told.filter(first_receipts.is_one_of(asked)).select(engagement.METRIC_SUMS)
        rows.append({"segment_id": segment_id, **sums.row(0, named=True)})
    return pl.DataFrame(rows, schema=dict.fromkeys(("segment_id", *METRICS), pl.Int64()))


def by_part(
    conn: Connection,
    facts: Facts,
    period: Period,
    by: Literal["step", "variant"],
    which: Which | None = None,
) -> pl.DataFrame:
    """One row per step of automations or variant of campaigns: source_id Int64, ``by`` String
    (null: there is but one), channel Int8, METRICS Int64; most sent first."""
    asked, maker = which or Which(), _MAKERS[by]
    parts = first_receipts.first(facts, period, asked)
    wanted = first_receipts.is_one_of(asked) & (pl.col("source_kind") == int(maker))
    told = pl.concat([firsts.each(sign).filter(wanted) for sign, firsts in parts])
    low, high = told["message_id"].min() or 0, told["message_id"].max() or 0
    named = copy_out(
        conn,
        "SELECT id, step FROM message WHERE source_kind = %s AND step IS NOT NULL "
        "AND id BETWEEN %s AND %s",
        {"message_id": pl.Int64(), by: pl.String()},
        [int(maker), low, high],
    )
    sums = engagement.summed(
        told.join(named, on="message_id", how="left"), ["source_id", by, "channel"]
    )
    return sums.sort("sent", "source_id", by, descending=[True, False, False])
