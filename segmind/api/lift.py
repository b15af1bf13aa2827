"""What a campaign caused, with its intervals: the audience beside its holdout."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from segmind import clock
from segmind.analytics.lift import Arm, ArmLift, measure
from segmind.api.caller import StoreOf, requires
from segmind.api.periods import card
from segmind.api.shapes import MOST_ID, DefinitionCard
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.groups import experiment_of
from segmind.customers.facts import read_facts
from segmind.experiments.effect import Effect, Measured
from segmind.experiments.experiment import DAYS
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/analytics", tags=["Analytics"])


class EffectOut(BaseModel):
    """An estimate with its bounds, or none and the reason."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = Field(default=None, description="Corrected for the number of variants.")
    confidence: float | None = None
    is_significant: bool = False
    reason: str | None = Field(default=None, description="Why nothing can be measured.")


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
    """The lift of a campaign."""

    currency: str
    days: int
    is_over: bool
    is_sound: bool = Field(description="Whether the groups have the sizes that were drawn.")
    holdout: ArmOut
    arms: list[ArmLiftOut]
    definition: DefinitionCard
    incomplete: list[str]


@router.get("/lift/campaigns/{campaign_id}", dependencies=[Depends(requires(Scope.ANALYTICS_READ))])
def lift_of(
    store: StoreOf,
    campaign_id: Annotated[int, Path(ge=1, le=MOST_ID)],
    days: Annotated[int, Query(ge=1, le=90, description="How long orders count.")] = DAYS,
) -> LiftOut:
    """Incremental orders and revenue of a campaign against its holdout."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        experiment = experiment_of(conn, campaigns.get(conn, campaign_id), days)
    found = measure(facts, experiment, clock.now())
    return LiftOut(
        currency=settings.currency,
        days=days,
        is_over=found.is_over,
        is_sound=found.ratio.is_sound,
        holdout=_arm(found.control),
        arms=[_lift(arm) for arm in found.arms],
        definition=card(found.definition),
        incomplete=list(facts.log.incomplete),
    )


def _arm(arm: Arm) -> ArmOut:
    return ArmOut(
        name=arm.name, customers=arm.customers, buyers=arm.buyers, net_revenue=arm.net_revenue
    )


def _lift(found: ArmLift) -> ArmLiftOut:
    return ArmLiftOut(
        **_arm(found.arm).model_dump(),
        conversion=_effect(found.conversion, found.p_conversion),
        revenue_per_customer=_effect(found.revenue, found.p_revenue),
        conversions=_effect(found.conversions, found.p_conversion),
        revenue=_effect(found.total_revenue, found.p_revenue),
    )


def _effect(found: Measured, p_value: float | None) -> EffectOut:
    if not isinstance(found, Effect):
        return EffectOut(reason=found.sentence)
    return EffectOut(
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        p_value=p_value,
        confidence=found.confidence,
        is_significant=found.is_significant,
    )
