"""Tracking calls in Segment's shapes, so that existing libraries can point here.

Answers only after commit. A repeated ``messageId`` changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from psycopg.errors import DeadlockDetected, SerializationFailure
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool

from segmind import clock
from segmind.api import strict_json
from segmind.api.caller import BEARER, caller_of, store_of
from segmind.api.problems import Refusal
from segmind.consent import suppressions
from segmind.consent.addresses import address_key
from segmind.customers import calls, tracking
from segmind.db.engine import Store
from segmind.workspace.api_keys import Scope

MOST_CALLS: Final = 5_000
_ATTEMPTS: Final = 4

router = APIRouter(
    prefix="/v1",
    tags=["Ingest"],
    route_class=strict_json.StrictRoute,
    dependencies=[Depends(BEARER)],
)


class CallOutcome(BaseModel):
    """What became of one call of a batch."""

    index: int
    status: Literal["accepted", "repeated", "rejected"]
    reason: str | None = Field(default=None, description="Why, or what of it was not kept.")
    field: str | None = None


class Taken(BaseModel):
    """What became of a request. ``success`` is false as soon as one call was rejected."""

    success: bool
    accepted: int
    repeated: int
    rejected: int
    results: list[CallOutcome]


_IDENTIFY: Final = {
    "userId": "c-1042",
    "traits": {"firstName": "Ada", "email": "ada@example.com", "plan": "gold"},
    "timestamp": "2026-03-01T12:00:00Z",
}
_TRACK: Final = {
    "userId": "c-1042",
    "event": "Order Completed",
    "messageId": "8a1e7f2c-order-991",
    "properties": {
        "order_id": "991",
        "currency": "USD",
        "products": [{"product_id": "p-7", "price": 19.99, "quantity": 2}],
    },
}
_PAGE: Final = {"anonymousId": "b-77", "name": "Sale", "properties": {"path": "/sale"}}
_BATCH: Final = {"batch": [{"type": "identify", **_IDENTIFY}, {"type": "track", **_TRACK}]}


def _documented(example: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/identify", openapi_extra=_documented(_IDENTIFY))
async def identify(request: Request, response: Response) -> Taken:
    """Say who somebody is, and what is known of them."""
    return await _one(request, response, "identify")


@router.post("/track", openapi_extra=_documented(_TRACK))
async def track(request: Request, response: Response) -> Taken:
    """Say what somebody did. Segment's e-commerce events become the shop's own."""
    return await _one(request, response, "track")


@router.post("/page", openapi_extra=_documented(_PAGE))
async def page(request: Request, response: Response) -> Taken:
    """Say which page somebody looked at."""
    return await _one(request, response, "page")


@router.post("/batch", openapi_extra=_documented(_BATCH))
async def batch(request: Request, response: Response) -> Taken:
    """Several calls at once, each with its ``type``; a bad one harms no other."""
    payload = _object(await request.body())
    return await run_in_threadpool(_take_batch, request, response, payload)


async def _one(request: Request, response: Response, kind: str) -> Taken:
    payload = _object(await request.body())
    return await run_in_threadpool(_take_one, request, response, {**payload, "type": kind})


def _object(body: bytes) -> dict[str, Any]:
    """The body, whatever its content type: beacons of browsers say text/plain."""
    if not body:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is empty.")
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_call", "A call is a JSON object.")
    return value


def _take_one(request: Request, response: Response, payload: dict[str, Any]) -> Taken:
    store = _admitted(request, response, payload)
    payload.pop("writeKey", None)
    taken = _take(store, [payload])
    outcome = taken.results[0]
    if outcome.status == "rejected":
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_call",
            outcome.reason or "The call cannot be taken.",
            field=outcome.field or "body",
        )
    return taken


def _take_batch(request: Request, response: Response, payload: dict[str, Any]) -> Taken:
    store = _admitted(request, response, payload)
    found = calls.unbatch(payload)
    if len(found) > MOST_CALLS:
        message = f"A batch holds at most {MOST_CALLS} calls."
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "batch_too_long", message, field="batch")
    return _take(store, found)


def _admitted(request: Request, response: Response, payload: dict[str, Any]) -> Store:
    """The store, for a caller that may write events; any site's pages may call with a key."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    store = store_of(request)
    written = payload.get("writeKey")
    found = caller_of(request, store, written if isinstance(written, str) else None)
    found.require(Scope.EVENTS_WRITE)
    return store


def _take(store: Store, found: list[Any]) -> Taken:
    key = address_key(store.settings.secret_key)

    def addresses_changed(conn: Connection, customer_ids: Sequence[int]) -> None:
        """A new address may be one that must not be used."""
        suppressions.remirror(conn, key, customer_ids)

    for attempt in range(_ATTEMPTS):
        try:
            with store.engine.begin() as conn:
                results = tracking.track(conn, found, clock.now(), addresses_changed)
            break
        except OperationalError as error:
            # Two batches about the same customers met; one of them is asked to come again.
            met = isinstance(error.orig, DeadlockDetected | SerializationFailure)
            if not met or attempt == _ATTEMPTS - 1:
                raise
    count = Counter(result.status for result in results)
    return Taken(
        success=count["rejected"] == 0,
        accepted=count["accepted"],
        repeated=count["repeated"],
        rejected=count["rejected"],
        results=[
            CallOutcome(index=r.index, status=r.status, reason=r.reason, field=r.field)
            for r in results
        ],
    )
