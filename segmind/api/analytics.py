"""Analytics: engagement, revenue, segments and the funnel, each with what its figures mean."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from segmind import clock
from segmind.analytics import engagement, funnel, revenue, segment_performance
from segmind.analytics.attribution import ledger
from segmind.analytics.engagement import Which
from segmind.analytics.rule import last_click
from segmind.api.analytics_answers import (
    AbandonmentOut,
    Engagement,
    FunnelOut,
    Revenue,
    SegmentFigures,
    SegmentPerformance,
    StepOut,
)
from segmind.api.caller import StoreOf, requires
from segmind.api.periods import (
    By,
    Days,
    Since,
    Titles,
    Until,
    card,
    period_of,
    rows,
    said,
)
from segmind.api.shapes import MOST_ID, ChannelName, Money
from segmind.consent.addresses import as_channel
from segmind.customers.facts import read_facts
from segmind.events.schema import Source
from segmind.segments import membership, segment, sizes
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/analytics", tags=["Analytics"])
READING = [Depends(requires(Scope.ANALYTICS_READ))]
SourceName = Literal["campaign", "automation", "single"]


@router.get("/engagement", dependencies=READING)
def engagement_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    grain: By = "day",
    channel: ChannelName | None = None,
    source: SourceName | None = None,
    source_id: Annotated[int | None, Query(ge=0, le=MOST_ID)] = None,
) -> Engagement:
    """Messages sent, delivered, opened, clicked: in total, by channel, by source, over time."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, grain)
        titles = Titles(conn)
    which = Which(
        channel=as_channel(channel) if channel else None,
        source=Source[source.upper()] if source else None,
        source_id=source_id,
    )
    return Engagement.model_validate(
        {
            "period": said(period),
            "definition": card(engagement.definition(period)),
            "incomplete": list(facts.log.incomplete),
            "totals": engagement.totals(facts, period, which),
            "by_channel": rows(engagement.by_channel(facts, period, which)),
            "by_source": titles.named(engagement.by_source(facts, period, which)),
            "over_time": rows(engagement.over_time(facts, period, which)),
        }
    )


@router.get("/revenue", dependencies=READING)
def revenue_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    grain: By = "day",
    attribution_days: Annotated[
        int | None, Query(ge=1, le=90, description="Default: the workspace's.")
    ] = None,
) -> Revenue:
    """Gross, refunds and net, and what messages are credited with by last click."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        titles = Titles(conn)
    period = period_of(settings, days, since, until, grain)
    rule = last_click(days=attribution_days or settings.attribution_window_days)
    credited = ledger(facts, period, rule)
    found = revenue.summary(facts, period, credited)

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=settings.currency)

    return Revenue.model_validate(
        {
            "period": said(period),
            "definition": card(revenue.definition(period)),
            "incomplete": list(facts.log.incomplete),
            "currency": settings.currency,
            "gross": money(found.gross),
            "refunds": money(found.refunds),
            "net": money(found.net),
            "orders": found.orders,
            "buyers": found.buyers,
            "average_order": money(found.average_order) if found.average_order else None,
            "attributed": money(found.attributed),
            "attributed_orders": found.attributed_orders,
            "attributed_share": found.attributed_share,
            "attribution": card(rule.definition(period)),
            "by_channel": rows(revenue.by_channel(credited)),
            "by_source": titles.named(revenue.by_source(credited)),
            "over_time": rows(revenue.over_time(facts, period)),
            "attributed_over_time": rows(revenue.attributed_over_time(credited)),
        }
    )


@router.get("/segments", dependencies=READING)
def segments_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
) -> SegmentPerformance:
    """Size, trend, conversion rate and revenue per customer of every segment."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        found = {s.id: s for s in segment.list_segments(conn)}
        period = period_of(settings, days, since, until, "day")
        before = {number: _size_at(conn, number, period.since) for number in found}
    membership.refresh(store, clock.now(), [s.id for s in found.values() if s.size is None])
    members = {number: membership.members(store, number) for number in found}
    table = segment_performance.table(facts, members, period)
    return SegmentPerformance(
        period=said(period),
        definition=card(segment_performance.definition(period)),
        incomplete=list(facts.log.incomplete),
        currency=settings.currency,
        segments=[
            SegmentFigures(
                **row,
                key=found[row["segment_id"]].key,
                name=found[row["segment_id"]].name,
                trend=_trend(row["size"], before.get(row["segment_id"])),
            )
            for row in table.iter_rows(named=True)
        ],
    )


@router.get("/funnel", dependencies=READING)
def funnel_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    by: Annotated[Literal["session", "customer"], Query()] = "session",
) -> FunnelOut:
    """Viewed, added, checkout, ordered, by session or by customer; and abandonment."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, "day")
    found = funnel.product_funnel(facts, period, by)
    return FunnelOut(
        period=said(period),
        definition=card(found.definition()),
        incomplete=list(facts.log.incomplete),
        by=by,
        steps=[StepOut(**asdict(step)) for step in found.steps],
        abandonment=AbandonmentOut(**asdict(funnel.abandonment(facts, period))),
    )


def _size_at(conn: Connection, segment_id: int, since: datetime) -> int | None:
    """The size at the first refresh of the period."""
    history = sizes.history(conn, segment_id, since)
    return history[0].size if history else None


def _trend(size: int, before: int | None) -> int | None:
    return None if before is None else size - before
