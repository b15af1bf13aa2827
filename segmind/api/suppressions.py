"""Addresses that must not be used: listed, added, lifted, taken along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.shapes import Body, ChannelName, Cursor, Limit
from segmind.api.strict_json import StrictRoute
from segmind.consent import suppression_lists, suppressions
from segmind.consent.addresses import address_key
from segmind.errors import NotFound
from segmind.workspace import audit
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/suppressions", tags=["Suppressions"], route_class=StrictRoute)
READING = [Depends(requires(Scope.CUSTOMERS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.CUSTOMERS_WRITE))]


class SuppressionOut(BaseModel):
    """One suppressed address: its keyed hash, never the address."""

    id: int
    channel: str
    address_hash: str
    reason: str
    origin: str
    at: datetime


class Suppressions(BaseModel):
    """The newest first. ``next`` is the ``before`` of the following page."""

    suppressions: list[SuppressionOut]
    next: int | None


class NewSuppression(Body):
    """An address, or the hash of one from an export of this workspace."""

    channel: ChannelName
    address: str | None = Field(default=None, max_length=4096)
    address_hash: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    reason: Literal["unsubscribed", "manual", "hard_bounce", "complaint"] = "manual"


class NewSuppressions(Body):
    """Up to 10,000 addresses at a time."""

    suppressions: list[NewSuppression] = Field(min_length=1, max_length=10_000)


class RejectedOut(BaseModel):
    """A row (the first is 1) that was not taken, and why."""

    row: int
    reason: str


class Taken(BaseModel):
    """``taken`` and ``rejected`` add up to the rows."""

    taken: int
    rejected: list[RejectedOut]


class Lifted(Body):
    """An address that may be used again."""

    channel: ChannelName
    address: str = Field(max_length=4096)


class NotSuppressed(NotFound):
    """This address is not suppressed."""

    code = "not_suppressed"


@router.get("", dependencies=READING)
def listed(store: StoreOf, before: Cursor = None, limit: Limit = 50) -> Suppressions:
    """Suppressed addresses as keyed hashes."""
    with store.engine.connect() as conn:
        rows = suppression_lists.page(conn, before=before, limit=limit)
    found = [
        SuppressionOut(
            id=row.id,
            channel=row.channel.label,
            address_hash=row.address_hash.hex(),
            reason=row.reason.value,
            origin=row.origin,
            at=row.at,
        )
        for row in rows
    ]
    return Suppressions(suppressions=found, next=rows[-1].id if len(rows) == limit else None)


@router.get("/export", dependencies=READING)
def export(store: StoreOf) -> StreamingResponse:
    """All of them as CSV, which another workspace with the same secret key can import."""

    def pieces() -> Iterator[str]:
        with store.engine.connect() as conn:
            yield from suppression_lists.as_csv(conn)

    headers = {"Content-Disposition": 'attachment; filename="suppressions.csv"'}
    return StreamingResponse(pieces(), media_type="text/csv", headers=headers)


@router.post("", status_code=HTTPStatus.CREATED)
def add(store: StoreOf, caller: Writes, body: NewSuppressions) -> Taken:
    """Suppress addresses. Each row is taken or rejected; repeating changes nothing."""
    rows = [each.model_dump(exclude_none=True) for each in body.suppressions]
    with store.engine.begin() as conn:
        key = address_key(store.settings.secret_key)
        done = suppression_lists.take(conn, key, rows, caller.actor, clock.now())
        detail = {"taken": done.taken, "rejected": len(done.rejected)}
        audit.record(conn, caller.actor, "suppressions.add", "suppressions", detail)
    rejected = [RejectedOut(row=each.row, reason=each.reason) for each in done.rejected]
    return Taken(taken=done.taken, rejected=rejected)


@router.post("/lift", status_code=HTTPStatus.NO_CONTENT)
def lift(store: StoreOf, caller: Writes, body: Lifted) -> None:
    """Let an address be used again: a person's decision, kept in the audit log."""
    with store.engine.begin() as conn:
        key = address_key(store.settings.secret_key)
        if not suppressions.remove(conn, key, body.channel, body.address):
            raise NotSuppressed()
        audit.record(conn, caller.actor, "suppressions.lift", body.channel)
