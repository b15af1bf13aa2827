"""What the analytics routes answer with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from segmind.api.periods import Answer
from segmind.api.shapes import DefinitionCard


class Counts(BaseModel):
    """Messages, each counted once in a column; opens and clicks are human, machines' apart."""

    sent: int
    delivered: int
    bounced: int
    opened: int
    clicked: int
    unsubscribed: int
    complained: int
    machine_opened: int
    machine_clicked: int


class ChannelCounts(Counts):
    """Of one channel."""

    channel: str | None


class BucketCounts(ChannelCounts):
    """Of one channel in one bucket; ``bucket`` is its start, local time in the period's zone."""

    bucket: str


class SourceCounts(ChannelCounts):
    """Of one campaign or automation, or of single messages."""

    source: str | None
    source_id: int | None
    title: str


class GroupCounts(Counts):
    """By the grouping that was asked for; what does not apply to it is null."""

    source: str | None = None
    source_id: int | None = None
    title: str | None = Field(None, description="Of the campaign, automation or segment.")
    step: str | None = Field(None, description="Id of the automation's step.")
    variant: str | None = None
    channel: str | None = None
    segment_id: int | None = None
    day: str | None = None


class Engagement(Answer):
    """What became of the messages of a period."""

    totals: Counts
    before: Counts | None = Field(description="Of the period before, where compared.")
    by_channel: list[ChannelCounts]
    by_source: list[SourceCounts]
    groups: list[GroupCounts] | None = Field(description="By group_by, where asked for.")
    over_time: list[BucketCounts]


class MembersDid(BaseModel):
    """What the members of one segment did in a period. Money in minor units."""

    size: int
    buyers: int
    orders: int
    sessions: int
    net_revenue: int
    conversion_rate: float | None
    revenue_per_customer: float | None
    attributed: int = Field(description="Credited by the rule to messages to its members.")
    attributed_orders: int


class SegmentFigures(MembersDid):
    """The same of one segment in the period that was asked about."""

    segment_id: int
    key: str | None
    name: str
    trend: int | None = Field(description="Change of size since the period began, if known.")
    before: MembersDid | None = Field(
        description="The present members in the period before, where compared."
    )


class SegmentPerformance(Answer):
    """Every segment side by side."""

    currency: str
    attribution: DefinitionCard
    segments: list[SegmentFigures]


class StepOut(BaseModel):
    """How many did it; shares of the first and of the previous step, 0 to 1."""

    key: str
    label: str
    count: int
    of_first: float | None
    of_previous: float | None


class AbandonmentOut(BaseModel):
    """Shares of carts that were not bought, 0 to 1, by three definitions that differ."""

    by_session: float | None
    by_cart_event: float | None
    by_customer: float | None


class ConversionOut(BaseModel):
    """Shares that ended in an order, 0 to 1, by three definitions that differ."""

    by_session: float | None
    by_customer: float | None
    by_product_view: float | None


class FunnelOut(Answer):
    """The product funnel, how many carts were abandoned, and how much looking ended in buying."""

    by: Literal["session", "customer"]
    steps: list[StepOut]
    abandonment: AbandonmentOut
    conversion: ConversionOut
    before: list[StepOut] | None = Field(description="Of the period before, where compared.")
