"""What the routes of segments take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from segmind.api.shapes import Body, Instant

_RULE_EXAMPLE: dict[str, JsonValue] = {
    "type": "did",
    "event": "product_viewed",
    "op": "at_least",
    "n": 10,
    "window": {"type": "last", "amount": 30, "unit": "days"},
}


class SizeOut(BaseModel):
    """How many customers, at which moment. ``entered`` and ``left``: since the refresh before."""

    size: int
    as_of: datetime
    entered: int = 0
    left: int = 0
    reach: dict[str, int] = Field(
        default={}, description="Whom marketing may reach, by channel; empty for a past moment."
    )


class SegmentOut(BaseModel):
    """A segment with its newest size. ``key`` names a built-in one."""

    id: int
    key: str | None
    name: str
    description: str
    sentence: str = Field(description="The rule in plain words.")
    rule: dict[str, Any]
    is_built_in: bool
    archived: bool = Field(description="Put away: in no list, and no longer counted.")
    size: SizeOut | None = Field(description="None where the rule can no longer be asked.")
    created_at: datetime
    updated_at: datetime


class Segments(BaseModel):
    """Every segment: the built-in ones first, then by name."""

    segments: list[SegmentOut]


class NewSegment(Body):
    """A segment to save."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Keen lookers", "rule": _RULE_EXAMPLE}},
    )

    name: str
    description: str = ""
    rule: dict[str, Any] = Field(description="The rule as JSON; errors name the path in it.")


class BroughtBack(Body):
    """How an archived segment comes back."""

    name: str | None = Field(default=None, description="Another name; left out: its own.")


class WhatIf(Body):
    """A rule to try."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"rule": _RULE_EXAMPLE}}
    )

    rule: dict[str, Any]
    as_of: Instant | None = None
    max_seconds: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="Refuse a rule that would take longer, before it runs.",
    )


class CostOut(BaseModel):
    """What a rule costs: events to read one by one (0: rollups answer it), and seconds."""

    events: int
    seconds: float
    sentence: str


class Answer(BaseModel):
    """What a rule would match. ``share`` is of all customers (``base``), 0 to 1."""

    count: int
    share: float
    base: int
    sentence: str
    sample: list[int] = Field(description="Ids of up to 20 customers, spread evenly.")
    reach: dict[str, int] = Field(description="Whom marketing may reach, by channel.")
    as_of: datetime
    took_ms: float
    incomplete: list[str] = Field(description="Event files that could not be read.")
    notice: str = Field(default="", description="What to know of this moment: before the log?")
    cost: CostOut


class Member(BaseModel):
    """A member; name and e-mail only for keys with customers:read."""

    id: int
    external_id: str | None = None
    name: str | None = None
    email: str | None = None


class Members(BaseModel):
    """Members by id, ascending. ``next`` is the ``after`` of the following page."""

    segment_id: int
    total: int
    as_of: datetime
    customers: list[Member]
    next: int | None
