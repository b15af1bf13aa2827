"""What the routes about customers answer with: groups, cohorts, predictions, lapsing, hours."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from segmind.api.periods import Answer
from segmind.api.shapes import DefinitionCard, Money


class RfmGroupOut(BaseModel):
    """One group. Money in minor units, of the window."""

    group: str = Field(description="Its key in rules.")
    name: str
    customers: int
    share: float | None
    before: int = Field(description="Customers in it at `compared_with`.")
    orders: int
    net_revenue: int
    days_since: float | None = Field(description="Median days since the last order.")


class RfmCellOut(BaseModel):
    """Customers with these scores, 1 to 5."""

    recency: int
    frequency: int
    group: str
    customers: int


class RfmOut(BaseModel):
    """The RFM groups at a moment."""

    as_of: datetime
    compared_with: datetime
    window_days: int
    currency: str
    customers: int = Field(description="With an order in the window.")
    definition: DefinitionCard
    incomplete: list[str]
    groups: list[RfmGroupOut]
    cells: list[RfmCellOut]


class CohortOut(BaseModel):
    """Customers by the week or month of their first order."""

    cohort: date = Field(description="The first day of the week or month.")
    customers: int


class CellOut(BaseModel):
    """How many of a cohort ordered so many weeks or months after it."""

    cohort: date
    offset: int
    customers: int
    share: float
    is_complete: bool = Field(description="Whether that week or month is over.")


class CurvePoint(BaseModel):
    """All cohorts that are old enough together; weeks or months that are over."""

    offset: int
    customers: int
    base: int
    share: float


class RetentionOut(Answer):
    """Cohorts of first orders in the period."""

    as_of: datetime
    group_by: Literal["week", "month"]
    cohorts: list[CohortOut]
    cells: list[CellOut]
    curve: list[CurvePoint]
    before: list[CurvePoint] | None = Field(description="Of the period before, where compared.")


class TenthOut(BaseModel):
    """A tenth of the customers by predicted value, the best first."""

    tenth: int
    customers: int
    least: int | None
    orders: float
    value: int | None
    alive: float


class ModelOut(BaseModel):
    """BG/NBD (days) and Gamma-Gamma (minor units) as fitted on a day."""

    day: date
    as_of: datetime
    r: float
    alpha: float
    a: float
    b: float
    p: float | None
    q: float | None
    gamma: float | None
    customers: int
    returned: int
    log_likelihood: float
    correlation: float | None


class CourseOut(BaseModel):
    """Purchases since the forecast, up to and with a day."""

    day: date
    expected: float
    actual: int


class ClassOut(BaseModel):
    """Customers by how often they had come back before the forecast."""

    repeats: int
    customers: int
    expected: float
    actual: int


class CheckOut(BaseModel):
    """A forecast of then against what happened from `since` to before `until`."""

    since: date
    until: date
    customers: int
    expected: float
    actual: int
    error: float | None
    definition: DefinitionCard
    course: list[CourseOut]
    classes: list[ClassOut]


class PredictionsOut(BaseModel):
    """What is expected of all who ever bought; `reason` where nothing can be told."""

    as_of: datetime
    days: int
    currency: str
    incomplete: list[str]
    reason: str | None
    definition: DefinitionCard | None
    model: ModelOut | None
    customers: int
    alive: float | None = Field(description="Expected number of those who still are customers.")
    orders: float | None
    value: Money | None
    tenths: list[TenthOut]
    check: CheckOut | None


class ThresholdOut(BaseModel):
    """Silence of more than `days`; precision and recall out of time."""

    quantile: float
    days: int
    customers: int
    precision: float | None
    recall: float | None
    flagged: int


class LapseOut(BaseModel):
    """Thresholds of silence; `reason` where there are too few gaps between orders."""

    as_of: datetime
    incomplete: list[str]
    reason: str | None
    definition: DefinitionCard | None
    gaps: int
    customers: int
    at_risk: int | None = Field(description="Days.")
    lapsed: int | None = Field(description="Days.")
    judged_since: date | None
    held: int = Field(description="Days held back to judge by.")
    judged: int
    quiet: float | None = Field(description="Share of the judged who bought nothing.")
    thresholds: list[ThresholdOut]


class HourOut(BaseModel):
    """Acts of a group in an hour of the day, in the workspace's zone."""

    group: str
    hour: int
    acts: int
    share: float | None


class HoursOut(Answer):
    """When groups of customers react."""

    acts: Literal["reactions", "orders"]
    best: dict[str, int | None]
    hours: list[HourOut]
