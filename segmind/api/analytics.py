"""Analytics: engagement, segments and the funnel, each with what its figures mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from segmind.analytics import (
    credit_by,
    currencies,
    engagement,
    engagement_by,
    funnel,
    segment_performance,
)
from segmind.analytics.attribution import ledger
from segmind.analytics.engagement_by import Dimension
from segmind.analytics.period import Period
from segmind.analytics.rule import Rule
from segmind.analytics.rules import rule_of, windows_of
from segmind.analytics.which import Which
from segmind.api.analytics_answers import (
    AbandonmentOut,
    ConversionOut,
    Engagement,
    FunnelOut,
    MembersDid,
    SegmentFigures,
    SegmentPerformance,
    StepOut,
)
from segmind.api.caller import StoreOf, requires
from segmind.api.periods import (
    By,
    Compare,
    Days,
    RuleKey,
    Since,
    SourceId,
    SourceKind,
    Titles,
    Until,
    WindowDays,
    card,
    period_of,
    rows,
    said,
    which_of,
)
from segmind.api.segment_members import SegmentId, every_segment, members_by_id, members_of
from segmind.api.shapes import ChannelName
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments import segment, sizes
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/analytics", tags=["Analytics"])
READING = [Depends(requires(Scope.ANALYTICS_READ))]


@router.get("/engagement", dependencies=READING)
def engagement_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    grain: By = "day",
    channel: ChannelName | None = None,
    source: SourceKind | None = None,
    source_id: SourceId = None,
    segment_id: SegmentId = None,
    group_by: Annotated[Dimension | None, Query(description="Figures by this, in groups.")] = None,
    compare: Compare = False,
) -> Engagement:
    """Messages sent, delivered, opened, clicked: in total, by channel, by source, over time."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, grain)
        titles = Titles(conn)
    which = which_of(channel, source, source_id, members_of(store, segment_id))
    before = engagement.totals(facts, period.before(), which) if compare else None
    return Engagement.model_validate(
        {
            "period": said(period),
            "definition": card(engagement.definition(period)),
            "incomplete": list(facts.log.incomplete),
            "totals": engagement.totals(facts, period, which),
            "before": before,
            "by_channel": rows(engagement.by_channel(facts, period, which)),
            "by_source": titles.named(engagement.by_source(facts, period, which)),
            "groups": _groups(store, facts, period, group_by, which, titles) if group_by else None,
            "over_time": rows(engagement.over_time(facts, period, which)),
        }
    )


@router.get("/segments", dependencies=READING)
def segments_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    segment_id: Annotated[
        list[int] | None, Query(max_length=100, description="Only these; repeat it for several.")
    ] = None,
    rule: RuleKey = "last_click",
    attribution_days: WindowDays = None,
    channel: ChannelName | None = None,
    source: SourceKind | None = None,
    source_id: SourceId = None,
    compare: Compare = False,
) -> SegmentPerformance:
    """Size, trend, conversion, revenue per customer and credited revenue of every segment.

    ``channel``, ``source`` and ``source_id`` narrow the credit, never what the members did. Of the
    period before, too, the present members are asked about.
    """
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        found = {s.id: s for s in segment.list_segments(conn)}
        if segment_id is not None:
            found = {each: segment.get(conn, each) for each in dict.fromkeys(segment_id)}
        period = period_of(settings, days, since, until, "day")
        currencies.check(facts, period, settings.currency)
        sizes_before = {number: _size_at(conn, number, period.since) for number in found}
        if compare:
            currencies.check(facts, period.before(), settings.currency)
    members = members_by_id(store, list(found.values()))
    chosen = rule_of(rule, windows_of(settings, attribution_days))
    which = which_of(channel, source, source_id)
    figures = _performance(facts, members, period, chosen, which)
    past = _performance(facts, members, period.before(), chosen, which) if compare else {}
    return SegmentPerformance(
        period=said(period),
        definition=card(segment_performance.definition(period)),
        incomplete=list(facts.log.incomplete),
        currency=settings.currency,
        attribution=card(chosen.definition(period)),
        segments=[
            SegmentFigures(
                **figures[number],
                segment_id=number,
                key=its.key,
                name=its.name,
                trend=_trend(figures[number]["size"], sizes_before[number]),
                before=MembersDid(**past[number]) if compare else None,
            )
            for number, its in found.items()
        ],
    )


def _performance(
    facts: Facts, members: Mapping[int, pl.Series], period: Period, rule: Rule, which: Which
) -> dict[int, dict[str, Any]]:
    """What the members did in the period, and what messages to them earned, by segment."""
    done = segment_performance.table(facts, members, period)
    earned = credit_by.by_segment(ledger(facts, period, rule).only(which), members)
    both = done.hstack(
        earned.select(
            pl.col("revenue").alias("attributed"), pl.col("orders").alias("attributed_orders")
        )
    )
    return {row.pop("segment_id"): row for row in both.to_dicts()}


@router.get("/funnel", dependencies=READING)
def funnel_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    by: Annotated[Literal["session", "customer"], Query()] = "session",
    compare: Compare = False,
) -> FunnelOut:
    """Viewed, added, checkout, ordered, by session or by customer; abandonment and conversion."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, "day")
    found = funnel.product_funnel(facts, period, by)
    past = funnel.product_funnel(facts, period.before(), by).steps if compare else None
    return FunnelOut(
        period=said(period),
        definition=card(found.definition()),
        incomplete=list(facts.log.incomplete),
        by=by,
        steps=[StepOut(**asdict(step)) for step in found.steps],
        abandonment=AbandonmentOut(**asdict(funnel.abandonment(facts, period))),
        conversion=ConversionOut(**asdict(funnel.conversion(facts, period))),
        before=None if past is None else [StepOut(**asdict(step)) for step in past],
    )


def _groups(
    store: Store, facts: Facts, period: Period, by: Dimension, which: Which, titles: Titles
) -> list[dict[str, Any]]:
    names, members = every_segment(store) if by == "segment" else ({}, {})
    with store.engine.connect() as conn:
        table = engagement_by.table(conn, facts, period, by, which, members)
    return titles.grouped(table, names if by == "segment" else None)


def _size_at(conn: Connection, segment_id: int, since: datetime) -> int | None:
    """The size at the first refresh of the period."""
    found = sizes.first(conn, segment_id, since)
    return None if found is None else found.size


def _trend(size: int, before: int | None) -> int | None:
    return None if before is None else size - before
