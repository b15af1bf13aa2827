"""The port: what every provider must be able to do, and what it may be unable to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from segmind.channels.channel import Channel
from segmind.channels.content import Content
from segmind.channels.outcome import Outcome
from segmind.channels.webhook import Deliveries, Refused, WebhookRequest


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message is from: an address or number, and for e-mail a name."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, ready to be handed over.

    ``sender`` None: the provider's configured one. ``ttl_seconds``: how long the provider may try;
    later it is better not delivered at all.
    """

    message_public_id: UUID
    address: str
    content: Content
    sender: Sender | None = None
    ttl_seconds: int = 14_400


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do beyond sending."""

    receipts: bool  # it reports deliveries by webhook
    look_up: bool  # ``find`` can prove that a message was or was not taken
    repeat_is_harmless: bool  # a message sent twice shows once
    counts_parts: bool = False  # its rate and its price count SMS parts
    xml_answer: str | None = None  # what its webhooks must be answered with, where not JSON


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has the message under this id."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider was asked and does not have the message."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider cannot be asked, or did not answer."""

    detail: str


Finding = Found | NotFound | Unknown


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the provider can be reached with these credentials, in words."""

    ok: bool
    detail: str


class Provider(Protocol):
    """A vendor that carries one channel. Instances are safe to use from several threads."""

    @property
    def name(self) -> str:
        """The registry's name: ``twilio``, ``sendgrid``, ``fcm``, ``sandbox``."""

    @property
    def channel(self) -> Channel: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def batch_size(self) -> int:
        """Most parcels that one ``send`` should be given."""

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Hands the parcels over; one outcome each, in order. Never raises for a vendor's or the
        network's sake, never retries by itself, and returns within a bounded time."""

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        """What a call to our webhook reports, or why it is not taken. Never raises for what the
        request holds."""

    def find(self, parcel: Parcel, since: datetime) -> Finding:
        """Asks the provider whether it took this parcel at ``since`` or later."""

    def check(self) -> Check:
        """Asks the provider whether it accepts our credentials; sends nothing."""
