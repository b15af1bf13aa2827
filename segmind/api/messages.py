"""Messages: send one, find some, follow one."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.problems import Refusal
from segmind.api.shapes import MOST_ID, Body, BodyId, ChannelName, Cursor, Instant, Limit
from segmind.api.strict_json import StrictRoute
from segmind.consent.addresses import address_key, as_channel
from segmind.customers import queries as customers
from segmind.events.schema import Source
from segmind.messages import queries, send_one
from segmind.messages.queries import Message, MessageFilter
from segmind.messages.send_one import SendRequest
from segmind.templates.template import parse_draft
from segmind.workspace import audit, product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/messages", tags=["Messages"], route_class=StrictRoute)
READING = [Depends(requires(Scope.MESSAGES_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.MESSAGES_WRITE))]

SourceName = Literal["campaign", "automation", "single"]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same request does it once, however often it is sent.",
    ),
]


class To(Body):
    """Whom: exactly one of the three."""

    customer_id: BodyId | None = None
    external_id: str | None = Field(default=None, max_length=500)
    address: str | None = Field(default=None, max_length=4096)


class NewMessage(Body):
    """A single message: to whom, by which channel, and what it says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "channel": "sms",
                "to": {"external_id": "c-1042"},
                "content": {"body": "Hi {{ first_name }}, order {{ number }} is on its way."},
                "vars": {"number": "991"},
                "purpose": "transactional",
                "idempotency_key": "order-991-shipped",
            }
        },
    )

    channel: ChannelName
    to: To
    content: dict[str, Any] | None = Field(
        default=None, description="What is written, in Liquid; or give template_version_id."
    )
    template_version_id: BodyId | None = None
    purpose: Literal["transactional", "marketing", "test"] = Field(
        default="transactional",
        description="Marketing needs consent and keeps caps and quiet hours.",
    )
    vars: dict[str, Any] = Field(default={}, description="Values for the text.")
    send_at: Instant | None = Field(default=None, description="Not before; leave out for now.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class MessageOut(BaseModel):
    """A message. ``status``: queued, waiting, sending, accepted, sent, delivered, bounced, failed,
    skipped, expired, cancelled or in_doubt; ``because`` says why where that needs saying."""

    id: UUID
    status: str
    because: str
    channel: str
    purpose: str
    source: str
    source_id: int
    customer_id: int | None
    address: str | None
    template_version_id: int
    attempts: int
    provider: str | None
    provider_id: str | None
    error_code: str | None
    skip_reason: str | None
    sms_parts: int | None
    cost_micros: int | None = Field(description="Millionths of the currency unit.")
    currency: str
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None = Field(description="First human open.")
    clicked_at: datetime | None = Field(description="First human click.")
    unsubscribed_at: datetime | None
    complained_at: datetime | None


class Sent(MessageOut):
    """``created`` is false where the idempotency key had been used for this very request."""

    created: bool


class HappenedOut(BaseModel):
    """One thing that happened to a message."""

    at: datetime
    what: str
    detail: str
    machine: bool = Field(description="An open or click that no human made.")


class MessageWithHistory(MessageOut):
    """A message and all that happened to it, in order of time."""

    history: list[HappenedOut]


class Messages(BaseModel):
    """Messages, newest first. ``next`` is the ``before`` of the following page."""

    messages: list[MessageOut]
    next: int | None


@router.post("/send", status_code=HTTPStatus.CREATED)
def send(
    store: StoreOf, caller: Writes, body: NewMessage, response: Response, key: Key = None
) -> Sent:
    """Put one message into the outbox; it leaves within a second or two.

    Consent, suppression, caps and hours are asked just before it leaves: a no is on the message.
    """
    chosen = chosen_key(key, body.idempotency_key)
    now = clock.now()
    with store.engine.begin() as conn:
        reference = send_one.send(
            conn,
            address_key(store.settings.secret_key),
            SendRequest(
                channel=as_channel(body.channel),
                customer_id=_customer(conn, body.to),
                address=body.to.address,
                template_version_id=body.template_version_id,
                draft=parse_draft({**body.content, "channel": body.channel})
                if body.content is not None
                else None,
                purpose=body.purpose,
                vars=body.vars,
                due_at=body.send_at,
                idempotency_key=chosen,
            ),
            now,
        )
        if reference.created:
            audit.record(conn, caller.actor, "message.send", f"message {reference.public_id}")
        made = queries.status(conn, reference.public_id)
        currency = product_settings.load(conn).currency
    if not reference.created:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/messages/{reference.public_id}"
    return Sent(created=reference.created, **_values(made, currency))


@router.get("", dependencies=READING)
def search(
    store: StoreOf,
    text: Annotated[
        str | None, Query(max_length=200, description="Part of an address, or an id.")
    ] = None,
    channel: ChannelName | None = None,
    source: SourceName | None = None,
    source_id: Annotated[int | None, Query(ge=0, le=MOST_ID)] = None,
    customer_id: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Messages:
    """Messages that fit, newest first."""
    wanted = MessageFilter(
        text=text.replace("\0", "") if text else None,
        channel=as_channel(channel) if channel else None,
        source_kind=int(Source[source.upper()]) if source else None,
        source_id=source_id,
        customer_id=customer_id,
        since=since,
        until=until,
    )
    with store.engine.connect() as conn:
        page = queries.search(conn, wanted, before=before, limit=limit)
        currency = product_settings.load(conn).currency
    found = [MessageOut(**_values(message, currency)) for message in page.messages]
    return Messages(messages=found, next=page.next_before)


@router.get("/{message_id}", dependencies=READING)
def get(store: StoreOf, message_id: UUID) -> MessageWithHistory:
    """One message with everything that happened to it."""
    with store.engine.connect() as conn:
        found = queries.one(conn, message_id)
        currency = product_settings.load(conn).currency
    history = [
        HappenedOut(at=e.at, what=e.said, detail=e.detail, machine=e.machine) for e in found.entries
    ]
    return MessageWithHistory(history=history, **_values(found.message, currency))


def chosen_key(header: str | None, field: str | None) -> str | None:
    """The idempotency key of a request, from its header or its body.

    Raises:
        Refusal: both are given and differ.
    """
    if header is not None and field is not None and header != field:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "The header Idempotency-Key and the field idempotency_key differ.",
            field="idempotency_key",
        )
    return header if header is not None else field


def _customer(conn: Any, to: To) -> int | None:
    given = [v for v in (to.customer_id, to.external_id, to.address) if v is not None]
    if len(given) != 1:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "Say to whom: exactly one of customer_id, external_id and address.",
            field="to",
        )
    if to.external_id is not None:
        return customers.get_external(conn, to.external_id).id
    return to.customer_id


def _values(message: Message, currency: str) -> dict[str, Any]:
    return {
        "id": message.public_id,
        "status": message.status,
        "because": message.because,
        "channel": message.channel.label,
        "purpose": message.purpose,
        "source": Source(message.source_kind).name.lower(),
        "source_id": message.source_id,
        "customer_id": message.customer_id,
        "address": message.address,
        "template_version_id": message.template_version_id,
        "attempts": message.attempt,
        "provider": message.provider,
        "provider_id": message.provider_id,
        "error_code": message.error_code,
        "skip_reason": message.skip_reason,
        "sms_parts": message.segments,
        "cost_micros": message.cost_micros,
        "currency": currency,
        **{name: getattr(message, name) for name in _INSTANTS},
    }


_INSTANTS = tuple(name for name in MessageOut.model_fields if name.endswith("_at"))
