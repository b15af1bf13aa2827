"""Tracking calls in Segment's shapes, so that existing libraries can point here.

Answers only after commit. A repeated ``messageId`` changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request, Response
from psycopg.errors import DeadlockDetected, SerializationFailure
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from segmind import clock, precedence
from segmind.api import batch as batch_text
from segmind.api import strict_json
from segmind.api.caller import BEARER, caller_of, store_of
from segmind.api.problems import Refusal
from segmind.api.together import Together
from segmind.consent import suppressions
from segmind.consent.addresses import address_key
from segmind.customers import calls, tracking
from segmind.customers.reading_calls import Batch
from segmind.customers.tracking import CallResult
from segmind.db.engine import Store
from segmind.workspace.api_keys import Scope

MOST_CALLS: Final = 5_000
#: Requests that are read, or wait for their turn, at once.
BATCHES_AT_ONCE: Final = 16
#: Calls in one transaction: enough to share its cost, few enough to answer soon.
MOST_TOGETHER: Final = 4_000
_ATTEMPTS: Final = 4

router = APIRouter(prefix="/v1", tags=["Ingest"], dependencies=[Depends(BEARER)])


class CallOutcome(BaseModel):
    """What became of one call of a batch."""

    index: int
    status: tracking.Status
    reason: str | None = Field(default=None, description="Why, or what of it was not kept.")
    field: str | None = None


class Taken(BaseModel):
    """What became of a request. ``success`` is false as soon as one call was rejected."""

    success: bool
    accepted: int
    repeated: int
    rejected: int
    results: list[CallOutcome]


class _Answer(msgspec.Struct):
    """``Taken`` as it is written: thousands of outcomes cost the server next to nothing."""

    success: bool
    accepted: int
    repeated: int
    rejected: int
    results: list[CallResult]


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


@router.post("/identify", response_model=Taken, openapi_extra=_documented(_IDENTIFY))
async def identify(request: Request) -> Response:
    """Say who somebody is, and what is known of them."""
    return await _one(request, "identify")


@router.post("/track", response_model=Taken, openapi_extra=_documented(_TRACK))
async def track(request: Request) -> Response:
    """Say what somebody did. Segment's e-commerce events become the shop's own."""
    return await _one(request, "track")


@router.post("/page", response_model=Taken, openapi_extra=_documented(_PAGE))
async def page(request: Request) -> Response:
    """Say which page somebody looked at."""
    return await _one(request, "page")


@router.post("/batch", response_model=Taken, openapi_extra=_documented(_BATCH))
async def batch(request: Request) -> Response:
    """Several calls at once, each with its ``type``; a bad one harms no other."""
    door: CapacityLimiter = request.app.state.batches
    body = await request.body()
    return _answered(await to_thread.run_sync(_take_batch, request, body, limiter=door))


async def _one(request: Request, kind: str) -> Response:
    body = await request.body()
    return _answered(await to_thread.run_sync(_take_one, request, body, kind))


def _answered(answer: _Answer) -> Response:
    """Readable by any site's pages: they may send calls with a key."""
    return Response(_ENCODER.encode(answer), media_type="application/json", headers=_ANY_SITE)


def _object(body: bytes) -> dict[str, Any]:
    """The body, whatever its content type: beacons of browsers say text/plain."""
    if not body:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is empty.")
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_call", "A call is a JSON object.")
    return value


def _take_one(request: Request, body: bytes, kind: str) -> _Answer:
    payload = _object(body) | {"type": kind}
    store = _admitted(request, payload.pop("writeKey", None))
    taken = _take(request, store, [payload])
    outcome = taken.results[0]
    if outcome.status == "rejected":
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_call",
            outcome.reason or "The call cannot be taken.",
            field=outcome.field or "body",
        )
    return taken


def _take_batch(request: Request, body: bytes) -> _Answer:
    written = batch_text.calls_of(body)
    if written is None:
        return _take_whole(request, body)
    store = _admitted(request, written.write_key)
    _check_length(written.calls)
    try:
        return _take(request, store, written.calls, written.shared)
    except calls.Unreadable:
        return _take_whole(request, body)  # which says what is wrong with the body


def _take_whole(request: Request, body: bytes) -> _Answer:
    """A batch that is read as one value."""
    payload = _object(body)
    store = _admitted(request, payload.get("writeKey"))
    found = calls.unbatch(payload)
    _check_length(found)
    return _take(request, store, found)


def _check_length(found: Sized) -> None:
    if len(found) > MOST_CALLS:
        message = f"A batch holds at most {MOST_CALLS} calls."
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "batch_too_long", message, field="batch")


def _admitted(request: Request, written: Any) -> Store:
    """The store, for a caller that may write events; ``written``: the body's ``writeKey``."""
    store = store_of(request)
    found = caller_of(request, store, written if isinstance(written, str) else None)
    found.require(Scope.EVENTS_WRITE)
    return store


class _Arrived(NamedTuple):
    store: Store
    batch: Batch


Takings = Together[_Arrived, list[CallResult]]


def takings() -> Takings:
    """Takes the calls of all requests of a process: those that come together in one transaction."""
    return Together(
        _take_together,
        lambda arrived: len(arrived.batch.calls),
        most=MOST_TOGETHER,
        make_way=precedence.of_process.make_way,
    )


def _take(
    request: Request,
    store: Store,
    found: Sequence[Any],
    shared: Mapping[str, Any] | None = None,
) -> _Answer:
    taking: Takings = request.app.state.takings
    results = taking.run(_Arrived(store, Batch(found, shared or {})))
    told = [result.status for result in results]
    rejected, repeated = told.count("rejected"), told.count("repeated")
    accepted = len(told) - rejected - repeated
    return _Answer(rejected == 0, accepted, repeated, rejected, results)


def _take_together(arrived: Sequence[_Arrived]) -> list[list[CallResult]]:
    store = arrived[0].store
    if any(other.store is not store for other in arrived):
        return [result for one in arrived for result in _take_together([one])]
    key = address_key(store.settings.secret_key)

    def addresses_changed(conn: Connection, customer_ids: Sequence[int]) -> None:
        """A new address may be one that must not be used."""
        suppressions.remirror(conn, key, customer_ids)

    batches = [one.batch for one in arrived]
    attempt = 0
    while True:
        attempt += 1
        try:
            with store.engine.begin() as conn:
                return tracking.track_together(conn, batches, clock.now(), addresses_changed)
        except OperationalError as error:
            # Two batches about the same customers met; one of them is asked to come again.
            met = isinstance(error.orig, DeadlockDetected | SerializationFailure)
            if not met or attempt == _ATTEMPTS:
                raise


_ENCODER: Final = msgspec.json.Encoder()
_ANY_SITE: Final = {"Access-Control-Allow-Origin": "*"}
