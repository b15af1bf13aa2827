"""What campaigns, automations and all marketing caused, beside whom chance held out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from segmind import clock
from segmind.analytics import currencies
from segmind.analytics.global_lift import global_lift
from segmind.analytics.lift import Arm, ArmLift, Lift, measure
from segmind.analytics.rolling_lift import measure_rolling
from segmind.api.caller import StoreOf, requires
from segmind.api.effects import EffectOut, effect
from segmind.api.periods import Days, Since, Until, card, period_of
from segmind.api.shapes import MOST_ID, DefinitionCard
from segmind.automations import automation as automations
from segmind.automations import held_out
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import experiment_of
from segmind.customers.facts import Facts, read_facts
from segmind.experiments.experiment import DAYS
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(
    prefix="/analytics/lift",
    tags=["Analytics"],
    dependencies=[Depends(requires(Scope.ANALYTICS_READ))],
)
Number = Annotated[int, Path(ge=1, le=MOST_ID)]
Counting = Annotated[int, Query(ge=1, le=90, description="How long a customer's orders count.")]


class ArmOut(BaseModel):
    """One group; money in minor units."""

    name: str
    customers: int
    buyers: int
    net_revenue: int


class ArmLiftOut(ArmOut):
    """A group and what it did more than the holdout."""

    conversion: EffectOut = Field(description="Share of customers with an order.")
    revenue_per_customer: EffectOut
    conversions: EffectOut = Field(description="Customers with an order, in all.")
    revenue: EffectOut = Field(description="Net revenue in all.")


class LiftOut(BaseModel):
    """The lift of a campaign, an automation, or all marketing."""

    currency: str
    days: int
    is_over: bool = Field(description="False: intervals hold however often one looks.")
    is_sound: bool = Field(description="Whether the groups have the sizes that were drawn.")
    holdout: ArmOut
    arms: list[ArmLiftOut]
    definition: DefinitionCard
    incomplete: list[str]


@router.get("/campaigns/{campaign_id}")
def of_campaign(
    store: StoreOf,
    campaign_id: Number,
    days: Counting = DAYS,
    by_variant: Annotated[
        bool, Query(description="Each variant of the campaign's test for itself.")
    ] = False,
) -> LiftOut:
    """Incremental orders and revenue of a campaign against its holdout."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        currency = product_settings.load(conn).currency
        experiment = experiment_of(
            conn, campaigns.get(conn, campaign_id), days, by_variant=by_variant
        )
    currencies.check_span(facts, experiment.start, experiment.until, currency)
    return _out(facts, measure(facts, experiment, clock.now()), days, currency)


@router.get("/automations/{automation_id}")
def of_automation(
    store: StoreOf,
    automation_id: Number,
    counting: Counting = DAYS,
    days: Days = 90,
    since: Since = None,
    until: Until = None,
) -> LiftOut:
    """Incremental orders and revenue of an automation against those whom its split held out, of
    the customers who came to it in the period and whose ``counting`` days are over."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        period = period_of(settings, days, since, until, "day")
        currencies.check(facts, period, settings.currency)
        rolling = held_out.experiment_of(
            conn, automations.get(conn, automation_id), period.since, period.until, counting
        )
    return _out(facts, measure_rolling(facts, rolling, clock.now()), counting, settings.currency)


@router.get("/global")
def of_everything(
    store: StoreOf,
    days: Annotated[int, Query(ge=1, le=366, description="The last so many times 24 hours.")] = 30,
) -> LiftOut:
    """What all marketing together caused: everybody against the global holdout."""
    facts, now = read_facts(store), clock.now()
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        begun = product_settings.since_when(conn, "global_holdout_percent")
    currencies.check_span(facts, now - timedelta(days=days), now, settings.currency)
    found = global_lift(facts, settings.global_holdout_percent, begun, now, days)
    return _out(facts, found, days, settings.currency)


def _out(facts: Facts, found: Lift, days: int, currency: str) -> LiftOut:
    return LiftOut(
        currency=currency,
        days=days,
        is_over=found.is_over,
        is_sound=found.ratio.is_sound,
        holdout=_arm(found.control),
        arms=_arms(found.arms),
        definition=card(found.definition),
        incomplete=list(facts.log.incomplete),
    )


def _arms(found: Sequence[ArmLift]) -> list[ArmLiftOut]:
    return [
        ArmLiftOut(
            **_arm(each.arm).model_dump(),
            conversion=effect(each.conversion, each.p_conversion),
            revenue_per_customer=effect(each.revenue, each.p_revenue),
            conversions=effect(each.conversions, each.p_conversion),
            revenue=effect(each.total_revenue, each.p_revenue),
        )
        for each in found
    ]


def _arm(arm: Arm) -> ArmOut:
    return ArmOut(
        name=arm.name, customers=arm.customers, buyers=arm.buyers, net_revenue=arm.net_revenue
    )
