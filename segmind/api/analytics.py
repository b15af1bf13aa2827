"""Analytics: engagement, segments and the funnel, each with what its figures mean."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from segmind import clock
from segmind.analytics import credit_by, currencies, engagement, funnel, segment_performance
from segmind.analytics.attribution import ledger
from segmind.analytics.rules import rule_of, windows_of
from segmind.api.analytics_answers import (
    AbandonmentOut,
    ConversionOut,
    Engagement,
    FunnelOut,
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
from segmind.api.shapes import ChannelName
from segmind.customers.facts import read_facts
from segmind.segments import membership, segment, sizes
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
    compare: Compare = False,
) -> Engagement:
    """Messages sent, delivered, opened, clicked: in total, by channel, by source, over time."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, grain)
        titles = Titles(conn)
    which = which_of(channel, source, source_id)
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
) -> SegmentPerformance:
    """Size, trend, conversion, revenue per customer and credited revenue of every segment.

    ``channel``, ``source`` and ``source_id`` narrow the credit, never what the members did.
    """
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        found = {s.id: s for s in segment.list_segments(conn)}
        if segment_id is not None:
            found = {each: segment.get(conn, each) for each in dict.fromkeys(segment_id)}
        period = period_of(settings, days, since, until, "day")
        currencies.check(facts, period, settings.currency)
        before = {number: _size_at(conn, number, period.since) for number in found}
    membership.refresh(store, clock.now(), [s.id for s in found.values() if s.size is None])
    members = {number: membership.members(store, number) for number in found}
    table = segment_performance.table(facts, members, period)
    chosen = rule_of(rule, windows_of(settings, attribution_days))
    credited = ledger(facts, period, chosen).only(which_of(channel, source, source_id))
    earned = credit_by.by_segment(credited, members)
    return SegmentPerformance(
        period=said(period),
        definition=card(segment_performance.definition(period)),
        incomplete=list(facts.log.incomplete),
        currency=settings.currency,
        attribution=card(chosen.definition(period)),
        segments=[
            SegmentFigures(
                **row,
                attributed=credit["revenue"],
                attributed_orders=credit["orders"],
                key=found[row["segment_id"]].key,
                name=found[row["segment_id"]].name,
                trend=_trend(row["size"], before.get(row["segment_id"])),
            )
            for row, credit in zip(
                table.iter_rows(named=True), earned.iter_rows(named=True), strict=True
            )
        ],
    )


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


def _size_at(conn: Connection, segment_id: int, since: datetime) -> int | None:
    """The size at the first refresh of the period."""
    history = sizes.history(conn, segment_id, since)
    return history[0].size if history else None


def _trend(size: int, before: int | None) -> int | None:
    return None if before is None else size - before
