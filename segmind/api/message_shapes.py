"""Messages as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, BodyId, ChannelName, Instant
from segmind.events.schema import Source
from segmind.messages.queries import Message

StatusName = Literal[
    "queued", "waiting", "sending", "accepted", "sent", "delivered",
    "bounced", "failed", "skipped", "expired", "cancelled", "in_doubt",
]  # fmt: skip
SourceName = Literal["campaign", "automation", "single"]


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
    status_callback: str | None = Field(
        default=None,
        max_length=2_000,
        description="An https address; each later status is posted there, signed after Standard "
        "Webhooks. Left out, the workspace's own address is used, if it has one.",
    )


class Later(Body):
    """Another time for a message that has not left."""

    send_at: Instant


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
    error_message: str | None
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
    batch_id: UUID | None = Field(description="What was asked for in one request.")


class Sent(MessageOut):
    """``created`` is false where the idempotency key had been used for this very request."""

    created: bool


class HappenedOut(BaseModel):
    """One thing that happened to a message."""

    at: datetime
    what: str
    detail: str
    meaning: str = Field(default="", description="What a provider's code says, in words.")
    machine: bool = Field(description="An open or click that no human made.")


class CallbackOut(BaseModel):
    """One status as it was told, or will be. ``state``: waiting, delivered, given_up, expired,
    refused; ``because`` says how it went."""

    sequence: int | None
    state: str
    because: str
    tries: int
    last_status: int | None
    due_at: datetime
    finished_at: datetime | None


class MessageWithHistory(MessageOut):
    """A message and all that happened to it, in order of time, and who was told of it."""

    history: list[HappenedOut]
    callbacks: list[CallbackOut]


class Messages(BaseModel):
    """Messages, newest first. ``next`` is the ``before`` of the following page."""

    messages: list[MessageOut]
    next: int | None


def values_of(message: Message, currency: str) -> dict[str, Any]:
    """A message as the fields of ``MessageOut``."""
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
        "error_message": message.error_message,
        "batch_id": message.batch_id,
        "skip_reason": message.skip_reason,
        "sms_parts": message.segments,
        "cost_micros": message.cost_micros,
        "currency": currency,
        **{name: getattr(message, name) for name in _INSTANTS},
    }


_INSTANTS = tuple(name for name in MessageOut.model_fields if name.endswith("_at"))
