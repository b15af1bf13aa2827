"""Shapes that several routes share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from segmind import clock

MOST_ID = 2**63 - 1

ChannelName = Literal["email", "sms", "push"]
PathId = Annotated[int, Path(ge=1, le=MOST_ID)]
BodyId = Annotated[int, Field(ge=1, le=MOST_ID)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    int | None,
    Query(ge=0, le=MOST_ID, description="`next` of the page before; leave out for the first."),
]


def _plausible(at: datetime) -> datetime:
    if not 1970 <= at.year <= 2200:
        raise ValueError("Give an instant between 1970 and 2200.")
    return at.astimezone(UTC)


#: An instant of a request: ISO 8601 with its zone.
Instant = Annotated[AwareDatetime, AfterValidator(_plausible)]
AsOf = Annotated[
    Instant | None,
    Query(description="Ask for a past moment (ISO 8601 with zone); leave out for now."),
]


class Body(BaseModel):
    """A request's body: unknown fields are refused, so that no misspelling passes in silence."""

    model_config = ConfigDict(extra="forbid")


class Money(BaseModel):
    """An amount in minor units (cents for USD, yen for JPY)."""

    model_config = ConfigDict(json_schema_extra={"example": {"amount": 4999, "currency": "USD"}})

    amount: int
    currency: str


class DefinitionCard(BaseModel):
    """What the figures mean."""

    what: str
    window: str
    start_point: str
    tie_break: str
    zone: str
    as_of: datetime | None = None


def present(as_of: datetime | None) -> datetime:
    """The moment that a question is about: the given one, else the product's now."""
    return as_of or clock.now()
