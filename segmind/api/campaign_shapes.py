"""What the routes of campaigns take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, BodyId, ChannelName, Instant
from segmind.campaigns.campaign import Campaign


class Broadcast(Body):
    """A campaign to one segment. Exactly one of segment_id and segment (a built-in's key), and
    exactly one of content and template_version_id."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Spring sale",
                "channel": "email",
                "segment": "window_shoppers",
                "content": {
                    "subject": "{{ first_name | default: 'Hello' }}, 20% off this week",
                    "body": "<p>Come and see.</p><p><a href='{{ unsubscribe_url }}'>Stop</a></p>",
                },
                "holdout_percent": 5,
                "idempotency_key": "spring-sale-2026",
            }
        },
    )

    name: str
    channel: ChannelName
    segment_id: BodyId | None = None
    segment: str | None = Field(default=None, max_length=100)
    exclude_segment_ids: list[BodyId] = Field(default=[], max_length=100)
    content: dict[str, Any] | None = None
    template_version_id: BodyId | None = None
    holdout_percent: float | None = Field(
        default=None, ge=0, le=50, description="Kept out to measure lift; default: the workspace's."
    )
    variant_test: dict[str, Any] | None = Field(
        default=None,
        description="Other contents (variants B to E; A is content) that a share of the audience "
        "sees first; the rest is sent what wins.",
        examples=[
            {
                "variants": [{"content": {"subject": "Last days", "body": "<p>Come.</p>"}}],
                "share_percent": 20,
                "metric": "clicks",
                "hours": 4,
                "decide": "automatic",
                "otherwise": "leader",
            }
        ],
    )
    rate_per_second: int | None = Field(default=None, ge=1, le=10_000)
    scheduled_at: Instant | None = Field(default=None, description="Leave out to send now.")
    draft: bool = Field(default=False, description="Only save it: nothing is sent.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class CampaignOut(BaseModel):
    """A campaign. ``problem`` says why it was paused or missed when no person did it."""

    id: int
    name: str
    status: str
    channel: str
    segment_id: int | None
    exclude_segment_ids: list[int]
    template_version_id: int | None
    holdout_percent: float
    variant_test: dict[str, Any] | None = Field(description="The plan of its test of variants.")
    decide_at: datetime | None = Field(description="When the test is over, once launched.")
    winner: str | None = Field(description="The variant that the rest is sent.")
    rate_per_second: int | None
    problem: str | None
    scheduled_at: datetime | None
    launched_at: datetime | None
    finished_at: datetime | None
    audience_size: int | None = Field(description="Recipients, once it was launched.")
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, campaign: Campaign) -> CampaignOut:
        """A campaign as it is told."""
        test = campaign.variant_test
        values = {name: getattr(campaign, name) for name in cls.model_fields}
        return cls.model_validate({**values, "variant_test": test.as_json() if test else None})


class Started(CampaignOut):
    """``created`` is false where the idempotency key had been used before."""

    created: bool


class Campaigns(BaseModel):
    """Campaigns, newest first. ``next`` is the ``before`` of the following page."""

    campaigns: list[CampaignOut]
    next: int | None


class ProgressOut(BaseModel):
    """How far it is. ``states`` adds up to ``enqueued``; that to ``audience`` once launched."""

    audience: int
    enqueued: int
    settled: int
    share: float
    states: dict[str, int]
    rate_per_second: float
    eta: datetime | None


class ReasonOut(BaseModel):
    """How many got no message, and why."""

    kind: str
    reason: str
    count: int


class CampaignReport(CampaignOut):
    """A campaign with its progress, figures and waterfall."""

    content: dict[str, Any] | None
    as_of: datetime
    progress: ProgressOut
    figures: dict[str, int] = Field(description="Messages, each counted once in a figure.")
    currency: str = Field(description="Of figures.cost_micros, in millionths of its unit.")
    holdout: int
    waterfall: dict[str, Any] | None = Field(description="From the segment to the recipients.")
    reasons: list[ReasonOut]


class FindingOut(BaseModel):
    """One thing to know before the launch. Errors stop it."""

    level: Literal["error", "warning", "note"]
    field: str
    message: str
    hint: str


class HoldoutSizingOut(BaseModel):
    """How small a lift this holdout can show, found four times in five."""

    days: int
    customers: int = Field(description="Recipients and held out.")
    held: int
    rate: float | None = Field(description="Share of them with an order in the last days.")
    detectable_rate: float | None = Field(description="The smallest rise over rate; null: none.")
    detectable_revenue: float | None = Field(description="Minor units per customer.")
    needed: int | None = Field(description="Customers who would show a rise of a tenth.")


class ContestSizingOut(BaseModel):
    """How small a difference between two variants the test can show, found four times in five."""

    metric: str
    each: int = Field(description="Customers of the smallest variant.")
    base: float | None = Field(description="The metric per customer lately; null: not known.")
    detectable: float | None
    needed: int | None = Field(description="Customers of each who would show one of a tenth.")


class SizingOut(BaseModel):
    """What can be found out by the campaign as it is planned."""

    holdout: HoldoutSizingOut
    test: ContestSizingOut | None


class ReviewOut(BaseModel):
    """The campaign as it would be launched now."""

    as_of: datetime
    launchable: bool
    findings: list[FindingOut]
    recipients: int | None
    holdout: int | None
    waterfall: dict[str, Any] | None
    cost_micros: int | None
    currency: str | None
    sizing: SizingOut | None
