"""What the routes about revenue, attribution and return answer with. Money in minor units."""

from __future__ import annotations

from pydantic import BaseModel, Field

from segmind.api.periods import Answer
from segmind.api.shapes import DefinitionCard, Money


class RevenueBucket(BaseModel):
    """Minor units."""

    bucket: str
    gross: int
    refunds: int
    net: int
    orders: int


class Credited(BaseModel):
    """Orders and net revenue (minor units) that a channel is credited with."""

    channel: str | None
    orders: int
    customers: int
    revenue: int


class CreditedSource(Credited):
    """The same for one campaign or automation, or single messages."""

    source: str | None
    source_id: int | None
    title: str


class CreditedBucket(BaseModel):
    """What one channel is credited with in one bucket."""

    bucket: str
    channel: str | None
    orders: int
    revenue: int


class Group(BaseModel):
    """Credit by the grouping that was asked for; what does not apply to it is null."""

    source: str | None = None
    source_id: int | None = None
    title: str | None = Field(None, description="Of the campaign, automation, segment or product.")
    step: str | None = Field(None, description="Id of the automation's step.")
    variant: str | None = None
    channel: str | None = None
    segment_id: int | None = None
    product_id: int | None = None
    day: str | None = None
    orders: int = Field(description="An order that is shared counts in each group.")
    customers: int
    revenue: int


class Sums(BaseModel):
    """The sums of a period, in minor units."""

    gross: int
    refunds: int
    net: int
    orders: int
    buyers: int
    attributed: int
    attributed_orders: int


class Revenue(Answer):
    """What the shop took, and what of it messages are credited with by the rule."""

    currency: str = Field(description="Of every amount here; all are in its minor units.")
    gross: Money
    refunds: Money
    net: Money
    orders: int
    buyers: int
    average_order: Money | None
    attributed: Money
    attributed_orders: int
    attributed_share: float | None = Field(description="Attributed / net, 0 to 1.")
    rule: str
    attribution: DefinitionCard
    before: Sums | None = Field(description="Of the period before, where compared.")
    by_channel: list[Credited]
    by_source: list[CreditedSource]
    groups: list[Group] | None = Field(description="By group_by, where asked for.")
    over_time: list[RevenueBucket]
    attributed_over_time: list[CreditedBucket]


class RuleCredit(BaseModel):
    """What one rule credits in the period, in minor units."""

    rule: str
    name: str
    adds_up: bool = Field(description="False: the rule may credit one order several times.")
    touches: str = Field(description="Which touches count, and for how long.")
    sharing: str = Field(description="Who gets how much.")
    note: str = Field(description="Where it departs from what its vendor does.")
    described_at: str = Field(description="Where its vendor describes it; empty: of the field.")
    orders: int
    credited: int
    covered: int = Field(description="The credited orders' net revenue, nothing of it twice.")
    counted_twice: int = Field(description="credited - covered.")
    share: float | None = Field(description="credited / net revenue of all orders.")
    by_channel: list[Credited]


class Attribution(Answer):
    """The same orders under every rule."""

    currency: str
    orders: int
    net: int = Field(description="Of all orders, net of refunds up to the period's end.")
    rules: list[RuleCredit]


class Interval(BaseModel):
    """An estimate from holdouts with its 95 % interval."""

    value: float
    low: float
    high: float


class ReturnOut(BaseModel):
    """Cost and return of one campaign or automation, channel or month."""

    source: str | None = None
    source_id: int | None = None
    title: str | None = None
    channel: str | None = None
    month: str | None = None
    messages: int
    parts: int = Field(description="SMS parts; other messages count one each.")
    message_cost_micros: int = Field(description="Millionths of the currency unit.")
    discount: int = Field(description="Minor units.")
    orders: int
    attributed: int = Field(description="Minor units, by the rule.")
    profit_micros: int = Field(description="Attributed less costs, millionths.")
    roi: float | None = Field(description="(attributed - costs) / costs; null without costs.")
    incremental: Interval | None = Field(description="Minor units; null without a holdout.")
    incremental_roi: Interval | None


class Returns(Answer):
    """What messages cost and brought."""

    currency: str
    rule: str
    attribution: DefinitionCard
    group_by: str
    lines: list[ReturnOut]
