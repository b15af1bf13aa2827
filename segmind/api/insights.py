"""Customers understood: RFM groups, retention, predictions, lapsing, hours; each with its meaning.

What a page shows is computed by the same functions of ``segmind.analytics``.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from segmind import clock
from segmind.analytics import currencies, forecast_check, lapse, predicting, retention, rfm_groups
from segmind.analytics import send_hours as hours
from segmind.analytics.forecast_check import Check
from segmind.analytics.period import Period
from segmind.analytics.send_hours import Acts
from segmind.api.caller import StoreOf, requires
from segmind.api.insight_answers import (
    CheckOut,
    HoursOut,
    LapseOut,
    ModelOut,
    PredictionsOut,
    RetentionOut,
    RfmOut,
)
from segmind.api.periods import Compare, Days, Since, Until, card, period_of, said
from segmind.api.shapes import MOST_ID, AsOf, Instant, Money
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.predictions.model import HORIZON, Model
from segmind.segments import membership, rfm, segment
from segmind.segments.compile import matching
from segmind.segments.rule import parse
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/analytics", tags=["Analytics"])
READING = [Depends(requires(Scope.ANALYTICS_READ))]
Among = Annotated[
    int | None, Query(ge=1, le=MOST_ID, description="Only the members of this segment.")
]
RuleText = Annotated[
    str | None,
    Query(max_length=20_000, description="Only customers who meet this rule (JSON), at `as_of`."),
]


@router.get("/rfm", dependencies=READING)
def rfm_of(
    store: StoreOf,
    as_of: AsOf = None,
    window_days: Annotated[int, Query(ge=1, le=3_650)] = rfm_groups.WINDOW_DAYS,
    compared_with: Annotated[
        Instant | None, Query(description="An earlier moment; default: 30 days before.")
    ] = None,
    segment_id: Among = None,
    rule: RuleText = None,
) -> RfmOut:
    """How many customers are in each RFM group, and what they are worth."""
    facts, moment = read_facts(store), _past(as_of, "as_of")
    before = None if compared_with is None else _past(compared_with, "compared_with")
    if before is not None and before >= moment:
        raise InvalidInput("compared_with must come before as_of.", field="compared_with")
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        members = _members(conn, store, facts, segment_id, rule, moment)
    currencies.check(facts, _window(facts, moment, window_days), settings.currency)
    found = rfm_groups.rfm_groups(facts, moment, window_days, before=before, members=members)
    return RfmOut.model_validate(
        {
            "as_of": found.as_of,
            "compared_with": found.before,
            "window_days": found.window_days,
            "currency": settings.currency,
            "customers": found.customers,
            "definition": card(found.definition()),
            "incomplete": list(facts.log.incomplete),
            "groups": found.groups.to_dicts(),
            "cells": found.cells.to_dicts(),
        }
    )


@router.get("/retention", dependencies=READING)
def retention_of(
    store: StoreOf,
    days: Days = 90,
    since: Since = None,
    until: Until = None,
    group_by: Annotated[
        Literal["week", "month"], Query(description="Calendar weeks from Monday, or months.")
    ] = "week",
    as_of: AsOf = None,
    segment_id: Among = None,
    rule: RuleText = None,
    compare: Compare = False,
) -> RetentionOut:
    """Of those who first ordered in each week or month, how many ordered again in later ones."""
    facts, moment = read_facts(store), _past(as_of, "as_of")
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, group_by)
        members = _members(conn, store, facts, segment_id, rule, moment)
    found = retention.retention(facts, period, moment, group_by, members)
    past = None
    if compare:
        past = retention.retention(facts, period.before(), moment, group_by, members)
    return RetentionOut.model_validate(
        {
            "period": said(period),
            "definition": card(found.definition()),
            "incomplete": list(facts.log.incomplete),
            "as_of": moment,
            "group_by": group_by,
            "cohorts": found.cohorts.rename({"size": "customers"}).to_dicts(),
            "cells": found.cells.to_dicts(),
            "curve": found.curve.to_dicts(),
            "before": None if past is None else past.curve.to_dicts(),
        }
    )


@router.get("/predictions", dependencies=READING)
def predictions_of(
    store: StoreOf,
    days: Annotated[int, Query(ge=1, le=730, description="How far ahead.")] = HORIZON,
    as_of: AsOf = None,
    check: Annotated[bool, Query(description="Also an earlier forecast against fact.")] = False,
) -> PredictionsOut:
    """What all customers are expected to do next, and how such a forecast has fared."""
    facts, moment = read_facts(store), _past(as_of, "as_of")
    with store.engine.connect() as conn:
        currency = product_settings.load(conn).currency
    found = predicting.outlook(facts, moment, days)
    fared = forecast_check.check(facts, moment) if check else None
    answer: dict[str, Any] = {
        "as_of": moment,
        "days": days,
        "currency": currency,
        "incomplete": list(facts.log.incomplete),
        "reason": predicting.reason(facts, moment) if found is None else None,
        "check": None if fared is None else _check(fared),
        **dict.fromkeys(("definition", "model", "alive", "orders", "value")),
        "customers": 0,
        "tenths": [],
    }
    if found is not None:
        answer |= {
            "definition": card(found.definition()),
            "model": _model(found.model),
            "customers": found.customers,
            "alive": found.alive,
            "orders": found.orders,
            "value": None if found.value is None else Money(amount=found.value, currency=currency),
            "tenths": found.tenths.to_dicts(),
        }
    return PredictionsOut.model_validate(answer)


@router.get("/lapse", dependencies=READING)
def lapse_of(store: StoreOf, as_of: AsOf = None) -> LapseOut:
    """After how many days of silence returning customers are at risk or gone, and how well that
    tells: precision and recall out of time."""
    facts, moment = read_facts(store), _past(as_of, "as_of")
    found = lapse.lapse(facts, moment)
    if found is None:
        needed = f"Thresholds need {lapse.LEAST_GAPS} gaps between orders; there are fewer."
        return LapseOut(
            as_of=moment, incomplete=list(facts.log.incomplete), reason=needed, definition=None,
            gaps=0, customers=0, at_risk=None, lapsed=None, judged_since=None, held=0, judged=0,
            quiet=None, thresholds=[],
        )  # fmt: skip
    own = {f.name: getattr(found, f.name) for f in fields(found)}
    return LapseOut.model_validate(
        {
            **{name: own[name] for name in LapseOut.model_fields if name in own},
            "incomplete": list(facts.log.incomplete),
            "reason": None,
            "definition": card(found.definition()),
            "thresholds": found.thresholds.to_dicts(),
        }
    )


@router.get("/hours", dependencies=READING)
def hours_of(
    store: StoreOf,
    days: Days = 90,
    since: Since = None,
    until: Until = None,
    acts: Annotated[
        Acts | None, Query(description="Default: reactions, or orders where there are few.")
    ] = None,
    segment_id: Annotated[
        list[int] | None, Query(max_length=20, description="These segments; default: RFM groups.")
    ] = None,
) -> HoursOut:
    """At which hours of the day groups of customers open and click, or order."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        period = period_of(product_settings.load(conn), days, since, until, "day")
        chosen = [segment.get(conn, number) for number in dict.fromkeys(segment_id or ())]
    groups = {"Everybody": np.flatnonzero(facts.is_customer)}
    if chosen:
        for each in chosen:
            membership.ensure(store, each.id, clock.now())
            groups[each.name] = membership.members(store, each.id).to_numpy()
    else:
        ids, place = rfm_groups.groups_by_customer(facts, clock.now())
        groups |= {group.name: ids[place == n] for n, group in enumerate(rfm.GROUPS)}
    found = hours.send_hours(facts, period, groups, acts)
    return HoursOut.model_validate(
        {
            "period": said(period),
            "definition": card(found.definition()),
            "incomplete": list(facts.log.incomplete),
            "acts": found.acts,
            "best": found.best,
            "hours": found.hours.to_dicts(),
        }
    )


def _members(
    conn: Connection,
    store: Store,
    facts: Facts,
    segment_id: int | None,
    rule: str | None,
    moment: datetime,
) -> pl.Series | None:
    """The customers that are asked about; None: everybody.

    Raises:
        NotFound: there is no such segment.
        InvalidRule: the rule is none, or cannot be asked.
    """
    found = None
    if segment_id is not None:
        segment.get(conn, segment_id)
        membership.ensure(store, segment_id, clock.now())
        found = membership.members(store, segment_id)
    if rule is not None:
        met = matching(parse(rule), facts, moment, segment.resolver(conn)).collect()["customer_id"]
        found = met if found is None else met.filter(met.is_in(found.implode()))
    return found


def _past(moment: datetime | None, field: str) -> datetime:
    """The moment asked about: now, or one that has come.

    Raises:
        InvalidInput: it lies in the future, of which the log knows nothing.
    """
    now = clock.now()
    if moment is not None and moment > now:
        raise InvalidInput("The moment lies in the future.", hint="Leave it out.", field=field)
    return moment or now


def _window(facts: Facts, moment: datetime, days: int) -> Period:
    return Period.last_days(days + 1, moment, facts.zone, "month")


def _model(model: Model) -> ModelOut:
    values = {name: getattr(model, name) for name in ModelOut.model_fields if hasattr(model, name)}
    spending = asdict(model.spending) if model.spending else dict.fromkeys(("p", "q", "gamma"))
    return ModelOut.model_validate({**values, **asdict(model.buying), **spending})


def _check(found: Check) -> CheckOut:
    values = {name: getattr(found, name) for name in ("since", "until", "customers", "expected",
                                                      "actual", "error")}  # fmt: skip
    return CheckOut.model_validate(
        {
            **values,
            "definition": card(found.definition()),
            "course": found.course.to_dicts(),
            "classes": found.classes.to_dicts(),
        }
    )
