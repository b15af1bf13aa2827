"""What the shop earned: revenue, credit by rule and side by side, and the return on messages."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Query

from segmind import clock
from segmind.analytics import credit_by, currencies, message_costs, revenue, roi, side_by_side
from segmind.analytics.attribution import Ledger, ledger, ledgers
from segmind.analytics.credit_by import Dimension
from segmind.analytics.lift import Lift, incremental, measure
from segmind.analytics.period import Period
from segmind.analytics.revenue import Summary
from segmind.analytics.roi import Incremental, Key, Return
from segmind.analytics.rolling_lift import measure_rolling
from segmind.analytics.rules import rule_of, rules, windows_of
from segmind.api.caller import StoreOf, requires
from segmind.api.earned_answers import Attribution, ReturnOut, Returns, Revenue, Sums
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
from segmind.api.segment_members import SegmentId, every_segment, members_of
from segmind.api.shapes import ChannelName, Money
from segmind.automations import held_out
from segmind.campaigns.groups import with_holdout
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.events.schema import Source
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope
from segmind.workspace.currency import decimals

router = APIRouter(prefix="/analytics", tags=["Analytics"])
READING = [Depends(requires(Scope.ANALYTICS_READ))]


@router.get("/revenue", dependencies=READING)
def revenue_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    grain: By = "day",
    rule: RuleKey = "last_click",
    attribution_days: WindowDays = None,
    channel: ChannelName | None = None,
    source: SourceKind | None = None,
    source_id: SourceId = None,
    segment_id: SegmentId = None,
    group_by: Annotated[Dimension | None, Query(description="Credit by this, in groups.")] = None,
    compare: Compare = False,
) -> Revenue:
    """Gross, refunds and net of the shop, and what messages are credited with under the rule.

    ``channel``, ``source``, ``source_id`` and ``segment_id`` narrow the credit, never the shop's
    revenue.
    """
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        titles = Titles(conn)
    period = period_of(settings, days, since, until, grain)
    currencies.check(facts, period, settings.currency)
    chosen = rule_of(rule, windows_of(settings, attribution_days))
    which = which_of(channel, source, source_id, members_of(store, segment_id))
    credited = ledger(facts, period, chosen).only(which)
    found = revenue.summary(facts, period, credited)
    past = None
    if compare:
        currencies.check(facts, period.before(), settings.currency)
        before = ledger(facts, period.before(), chosen).only(which)
        past = _sums(revenue.summary(facts, period.before(), before))

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
            "rule": rule,
            "attribution": card(chosen.definition(period)),
            "before": past,
            "by_channel": rows(credit_by.by_channel(credited)),
            "by_source": titles.named(credit_by.by_source(credited)),
            "groups": _groups(store, facts, credited, group_by, titles) if group_by else None,
            "over_time": rows(revenue.over_time(facts, period)),
            "attributed_over_time": rows(revenue.attributed_over_time(credited)),
        }
    )


@router.get("/attribution", dependencies=READING)
def attribution_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    attribution_days: WindowDays = None,
) -> Attribution:
    """The same orders under every rule side by side, with what each would count twice."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
    period = period_of(settings, days, since, until, "day")
    currencies.check(facts, period, settings.currency)
    books = ledgers(facts, period, rules(windows_of(settings, attribution_days)))
    lines = side_by_side.table(books).iter_rows(named=True)
    one = next(iter(books.values()))
    return Attribution.model_validate(
        {
            "period": said(period),
            "definition": card(side_by_side.definition(period)),
            "incomplete": list(facts.log.incomplete),
            "currency": settings.currency,
            "orders": one.orders,
            "net": one.net,
            "rules": [
                {
                    **line,
                    "touches": books[line["rule"]].rule.touches,
                    "sharing": books[line["rule"]].rule.sharing,
                    "note": books[line["rule"]].rule.note,
                    "described_at": books[line["rule"]].rule.source,
                    "by_channel": rows(credit_by.by_channel(books[line["rule"]])),
                }
                for line in lines
            ],
        }
    )


@router.get("/roi", dependencies=READING)
def roi_of(
    store: StoreOf,
    days: Days = 30,
    since: Since = None,
    until: Until = None,
    rule: RuleKey = "last_click",
    attribution_days: WindowDays = None,
    group_by: roi.By = "source",
) -> Returns:
    """Message cost, discounts, attributed and incremental revenue, and the return on them."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        titles = Titles(conn)
        period = period_of(settings, days, since, until, "month")
        spent = message_costs.costs(conn, period)
    currencies.check(facts, period, settings.currency)
    chosen = rule_of(rule, windows_of(settings, attribution_days))
    book = ledger(facts, period, chosen)
    caused = roi.together(group_by, period, spent, lambda within: _caused(store, facts, within))
    lines = roi.returns(facts, book, spent, group_by, decimals(settings.currency), caused)
    keys = [dict(zip(roi.KEYS[group_by], line.key, strict=True)) for line in lines]
    named = _named(keys, titles)
    return Returns(
        period=said(period),
        definition=card(roi.definition(book)),
        incomplete=list(facts.log.incomplete),
        currency=settings.currency,
        rule=rule,
        attribution=card(chosen.definition(period)),
        group_by=group_by,
        lines=[_line(name, line) for name, line in zip(named, lines, strict=True)],
    )


def _caused(store: Store, facts: Facts, period: Period) -> dict[Key, Incremental]:
    """What campaigns launched in the period and automations by whom they met in it caused."""
    now = clock.now()
    with store.engine.connect() as conn:
        launched = with_holdout(conn, period.since, period.until)
        rolling = held_out.with_holdout(conn, period.since, period.until)
    lifts: dict[Key, Lift] = {
        (int(Source.CAMPAIGN), number): measure(facts, its, now) for number, its in launched.items()
    }
    for number, its in rolling.items():
        lifts[int(Source.AUTOMATION), number] = measure_rolling(facts, its, now)
    return incremental(lifts)


def _sums(found: Summary) -> Sums:
    return Sums(
        gross=found.gross,
        refunds=found.refunds,
        net=found.net,
        orders=found.orders,
        buyers=found.buyers,
        attributed=found.attributed,
        attributed_orders=found.attributed_orders,
    )


def _groups(
    store: Store, facts: Facts, book: Ledger, by: Dimension, titles: Titles
) -> list[dict[str, Any]]:
    names, members = every_segment(store) if by == "segment" else ({}, {})
    with store.engine.connect() as conn:
        table = credit_by.table(conn, facts, book, by, members)
    if by == "product":
        products = facts.log.products().select("product_id", pl.coalesce("name", "external_id"))
        meant = products.filter(pl.col("product_id").is_in(table["product_id"].implode()))
        names = dict(meant.collect().iter_rows())
    return titles.grouped(table, names if by in {"segment", "product"} else None)


def _named(keys: list[dict[str, Any]], titles: Titles) -> list[dict[str, Any]]:
    frame = pl.DataFrame(
        keys,
        schema_overrides={"channel": pl.Int8, "source_kind": pl.Int8, "source_id": pl.Int64},
        infer_schema_length=None,
    )
    return titles.named(frame) if "source_kind" in frame.columns else rows(frame)


def _line(name: dict[str, Any], line: Return) -> ReturnOut:
    its, ratio = line.incremental, line.incremental_roi
    interval = {"value": its.revenue, "low": its.low, "high": its.high} if its else None
    ends = {"value": ratio[0], "low": ratio[1], "high": ratio[2]} if ratio else None
    return ReturnOut.model_validate(
        {
            **name,
            "messages": line.messages,
            "parts": line.parts,
            "message_cost_micros": line.message_cost_micros,
            "discount": line.discount,
            "orders": line.orders,
            "attributed": line.attributed,
            "profit_micros": line.profit_micros,
            "roi": line.roi,
            "incremental": interval,
            "incremental_roi": ends,
        }
    )
