"""The test of a campaign's variants: how it stands, and choosing by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.campaign_shapes import CampaignOut
from segmind.api.effects import EffectOut, effect
from segmind.api.shapes import Body, PathId
from segmind.api.strict_json import StrictRoute
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.deciding import choose
from segmind.campaigns.standing import Standing, standing
from segmind.campaigns.variant_test import CONTROL
from segmind.customers.facts import read_facts
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/campaigns", tags=["Campaigns"], route_class=StrictRoute)


class VariantOut(BaseModel):
    """One variant; money in minor units."""

    name: str
    weight: float
    customers: int = Field(description="Drawn for it; delivered or not.")
    clicked: int
    ordered: int
    net_revenue: int
    figure: float | None = Field(description="The metric per customer.")
    against_control: EffectOut | None = Field(
        description="How much more than variant A per customer; null for A itself."
    )


class VariantsOut(BaseModel):
    """How the test stands: at its end, once that has come."""

    metric: str
    currency: str
    until: datetime
    is_over: bool
    is_sound: bool = Field(description="Whether the groups have the sizes that were drawn.")
    leader: str | None = Field(description="The highest figure so far; null: nobody was drawn.")
    proved: str | None = Field(description="Better than all others by more than chance.")
    winner: str | None = Field(description="What the rest is sent; null: not chosen yet.")
    decided_at: datetime | None
    decided_by: str | None
    variants: list[VariantOut]


class Choice(Body):
    """The variant that the rest is to be sent."""

    variant: str = Field(min_length=1, max_length=10)


@router.get("/{campaign_id}/variants", dependencies=[Depends(requires(Scope.CAMPAIGNS_READ))])
def variants_of(store: StoreOf, campaign_id: PathId) -> VariantsOut:
    """What each variant of the campaign's test did, beside the control, and who won."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        campaign = campaigns.get(conn, campaign_id)
        found = standing(conn, facts, campaign, clock.now())
        currency = product_settings.load(conn).currency
    return VariantsOut(
        metric=found.metric.value,
        currency=currency,
        until=found.until,
        is_over=found.is_over,
        is_sound=found.ratio.is_sound,
        leader=found.verdict.leader,
        proved=found.verdict.winner,
        winner=campaign.winner,
        decided_at=campaign.decided_at,
        decided_by=campaign.decided_by,
        variants=_arms(found),
    )


@router.post("/{campaign_id}/winner")
def choose_winner(
    store: StoreOf,
    caller: Annotated[Caller, Depends(requires(Scope.CAMPAIGNS_WRITE))],
    campaign_id: PathId,
    body: Choice,
) -> CampaignOut:
    """Name the winner by hand, at any time of the test; the rest is sent it. Asked again for the
    same variant it changes nothing."""
    with store.engine.begin() as conn:
        chosen = choose(conn, campaign_id, body.variant, clock.now(), caller.actor)
    return CampaignOut.of(chosen)


def _arms(found: Standing) -> list[VariantOut]:
    told = []
    for arm in found.arms:
        duel = found.verdict.duel(arm.name, CONTROL)
        told.append(
            VariantOut(
                name=arm.name,
                weight=arm.weight,
                customers=arm.customers,
                clicked=arm.clicked,
                ordered=arm.ordered,
                net_revenue=arm.net_revenue,
                figure=arm.figure(found.metric),
                against_control=effect(duel.effect, duel.p_value) if duel else None,
            )
        )
    return told
