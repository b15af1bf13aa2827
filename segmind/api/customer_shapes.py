"""What the routes of customers take and answer with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from segmind.api.shapes import Body, BodyId, ChannelName


class CustomerOut(BaseModel):
    """A customer as lists show them. ``external_id`` is the shop's own."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    external_id: str | None
    name: str
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    country: str | None
    city: str | None
    is_anonymous: bool
    created_at: datetime


class Customers(BaseModel):
    """Customers, newest first. ``next`` is the ``before`` of the following page."""

    customers: list[CustomerOut]
    next: int | None


class ExternalIdOut(BaseModel):
    """An id under which the customer is known: ``user`` (the shop's) or ``anonymous``."""

    model_config = ConfigDict(from_attributes=True)

    namespace: str
    external_id: str
    first_seen_at: datetime


class ChannelOut(BaseModel):
    """May a channel be used. ``consent`` None: never asked."""

    channel: str
    address: str | None
    consent: bool | None
    suppressed: bool
    recorded_at: datetime | None
    source: str | None


class TotalsOut(BaseModel):
    """What the customer did. Money in minor units of ``currency``."""

    sessions: int
    orders: int
    revenue: int
    refunds: int
    net_revenue: int
    currency: str
    conversion: float | None = Field(description="Orders / sessions; None without sessions.")
    first_seen: datetime | None
    last_seen: datetime | None
    last_order: datetime | None


class ProfileOut(CustomerOut):
    """One customer. An id that was merged away answers with who they are now."""

    language: str | None
    timezone: str | None
    birthday: date | None
    traits: dict[str, Any]
    ids: list[ExternalIdOut]
    channels: list[ChannelOut]
    totals: TotalsOut


class EventOut(BaseModel):
    """One event. ``value`` in minor units; ``product`` is the product's name."""

    ts: datetime
    name: str | None
    product: str | None
    quantity: int | None
    value: int | None
    currency: str | None
    channel: str | None
    source_kind: int | None
    source_id: int | None
    message_id: int | None
    machine: bool
    properties: str | None = Field(description="JSON text of what has no field of its own.")


class Timeline(BaseModel):
    """Events, newest first. ``next`` is the ``until`` of the following page."""

    events: list[EventOut]
    next: datetime | None


class ConsentOut(BaseModel):
    """One recorded yes or no, with its proof."""

    id: int
    channel: str
    consent: bool
    purpose: str
    source: str
    evidence: dict[str, Any] | None
    actor: str
    at: datetime


class Consents(BaseModel):
    """``current`` by channel (a channel never asked for is missing), and the whole ledger."""

    current: dict[str, bool]
    entries: list[ConsentOut]


class NewConsent(Body):
    """A yes or no that the customer gave."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "channel": "email",
                "consent": True,
                "source": "form",
                "evidence": {"form": "https://shop.example/newsletter", "text": "Yes, write me."},
            }
        },
    )

    channel: ChannelName
    consent: bool
    source: Literal["form", "api", "import", "preferences", "admin"] = "api"
    purpose: str = Field(
        default="marketing",
        pattern=r"^[a-z][a-z0-9_-]{0,39}$",
        description="`marketing` is what Segmind asks for before it writes; others are kept.",
    )
    evidence: dict[str, Any] = Field(
        default={}, description="What proves it. An import needs `attestation`."
    )


class NewOptIn(Body):
    """Somebody gave an address of theirs: ask its owner."""

    channel: Literal["email", "sms"]
    source: Literal["form", "api", "admin"] = "form"
    evidence: dict[str, Any] = Field(default={}, description="Form address, IP, text shown.")
    send: bool = Field(default=True, description="Write them a message with the link.")


class OptInRequested(BaseModel):
    """``confirm_url`` shows a button; pressing it is the yes. ``message_id``: what was sent."""

    confirm_url: str
    expires_at: datetime
    message_id: str | None


class Erasures(Body):
    """Customers to forget."""

    customer_ids: list[BodyId] = Field(min_length=1, max_length=1_000)


class Erased(BaseModel):
    """``erased`` and ``unknown`` add up to the different ids."""

    erased: int
    unknown: list[int]


class ImportedConsent(Body):
    """One yes or no, of the customer with the shop's own id."""

    external_id: str = Field(min_length=1, max_length=500)
    channel: ChannelName
    consent: bool


class ConsentImport(Body):
    """Up to 10,000 consents with one attestation: who asked, where, and with which words."""

    attestation: str = Field(min_length=10, max_length=2_000)
    evidence: dict[str, Any] = Field(default={}, description="What else proves them.")
    consents: list[ImportedConsent] = Field(min_length=1, max_length=10_000)


class ConsentsTaken(BaseModel):
    """``taken`` rows, and the different ids that nobody has."""

    taken: int
    unknown: list[str]
