"""What the routes of segments in time, of overlaps and of exports take and answer with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, BodyId


class DayOut(BaseModel):
    """One kept day. A new ``rule`` (a hash) is a new line: sizes do not compare across it."""

    day: date
    size: int
    as_of: datetime = Field(description="The moment whose members were kept.")
    rule: str
    origin: Literal["refresh", "filled"] = Field(
        description="Kept by that day's refresh, or computed later with the present rule."
    )
    bytes: int


class Days(BaseModel):
    """The kept days of a segment, oldest first; ``missing`` can still be filled."""

    segment_id: int
    zone: str
    days: list[DayOut]
    missing: list[date] = Field(description="Days that can be filled, newest first.")


class DayMembers(BaseModel):
    """Members of a day by id, ascending. ``next`` is the ``after`` of the following page."""

    segment_id: int
    day: date
    total: int
    customer_ids: list[int]
    next: int | None


class Fill(Body):
    """Days to compute, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"back_days": 30}})

    segment_ids: list[BodyId] | None = Field(default=None, description="All where left out.")
    back_days: int = Field(default=60, ge=1, le=400, description="How far back.")
    most_days: int = Field(default=14, ge=1, le=62, description="At most so many in this call.")


class FilledOut(BaseModel):
    """What was filled. ``left``: days still missing; ask again."""

    days: int
    members: int
    left: int
    failed: dict[int, str] = Field(description="Segments whose rule can no longer be asked.")


class CauseOut(BaseModel):
    """A top condition of the rule, and for how many its change made the difference."""

    path: str
    sentence: str
    entered: int
    left: int
    alone_entered: int = Field(description="For whom only this condition turned.")
    alone_left: int
    by_time_entered: int | None = Field(
        description="For whom it would have turned without anything new; null: cannot be told."
    )
    by_time_left: int | None


class MovementsOut(BaseModel):
    """Who moved between two moments, and why. A customer can count under several causes."""

    segment_id: int
    since: datetime
    until: datetime
    entered: int
    left: int
    stayed: int
    causes: list[CauseOut]
    entered_ids: list[int] = Field(description="The first of those who entered, by id.")
    left_ids: list[int]
    notice: str = ""


class GroupOut(BaseModel):
    """A row and column of the matrix; ``id`` is null for RFM groups and for those in none."""

    id: int | None
    name: str
    before: int
    after: int


class MigrationOut(BaseModel):
    """``counts[i][j]``: customers in group i at ``since`` and in group j at ``until``.

    A customer in several segments counts in the first of them: rows add up to ``before``, columns
    to ``after``, everything to ``customers``.
    """

    since: datetime
    until: datetime
    groups: list[GroupOut]
    counts: list[list[int]]
    customers: int
    stayed: int
    moved: int
    came: int
    left: int
    notice: str = ""


class OverlapOut(BaseModel):
    """``counts[i][j]``: customers in both; ``shares[i][j]``: of row i, also in column j."""

    segment_ids: list[int]
    names: list[str]
    counts: list[list[int]]
    shares: list[list[float | None]]
    only: list[int] = Field(description="Customers in this segment and in no other of these.")
    anybody: int = Field(description="Customers in at least one.")
    as_of: datetime | None = Field(description="Null: the newest refresh of each segment.")
    notice: str = ""


class ExplainedOut(BaseModel):
    """A condition with its verdict for one customer."""

    path: str
    kind: str
    sentence: str
    met: bool
    detail: str
    children: list[ExplainedOut] = []


class TurnOut(BaseModel):
    """A condition that time alone will turn."""

    path: str
    sentence: str
    becomes: bool


class NextMoveOut(BaseModel):
    """What time alone will do to a membership, if nothing new happens."""

    at: datetime | None = Field(description="Null: time alone never changes it.")
    enters: bool | None
    turns: list[TurnOut] = []
    assumed: list[str] = Field(
        default=[], description="Conditions that compare customers: taken to stay as they are."
    )
    refused: str = ""


class MembershipOut(BaseModel):
    """Whether a customer is in a segment at a moment, why, and until when."""

    segment_id: int
    customer_id: int
    as_of: datetime
    is_member: bool
    why: ExplainedOut
    next_move: NextMoveOut


class CustomerSegment(BaseModel):
    """One segment, as a customer sees it."""

    segment_id: int
    name: str
    is_member: bool
    next_move: NextMoveOut | None = Field(description="Only where it was asked for.")


class CustomerSegments(BaseModel):
    """Every segment, and whether the customer is in it."""

    customer_id: int
    as_of: datetime
    segments: list[CustomerSegment]
