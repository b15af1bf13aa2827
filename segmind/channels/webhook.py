"""A provider's call to us, as it came, and what reading it can give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from segmind.channels.delivery import Delivery

#: Where providers reach us, below the public address.
WEBHOOK_PATH = "/api/webhooks/{provider}"

#: Larger bodies are refused unread.
LARGEST_BODY = 5 * 1024 * 1024

#: Reports signed longer ago are refused: providers retry for 24 hours (and clocks differ).
FRESH_SECONDS = 26 * 3600


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """The raw request. ``query`` is the undecoded query string; header names are in lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    received_at: datetime | None = None

    @classmethod
    def of(
        cls, body: bytes, headers: Mapping[str, str], *, query: str = "", received_at: datetime
    ) -> WebhookRequest:
        """A request with the header names lowered."""
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(body=body, headers=lowered, query=query, received_at=received_at)

    def header(self, name: str) -> str:
        """The header's value; empty where it is missing."""
        return self.headers.get(name.lower(), "")


class Refusal(StrEnum):
    """Why a call was not taken."""

    FORGED = "forged"  # no signature, or not the right one
    STALE = "stale"  # signed too long ago
    MALFORMED = "malformed"  # signed well, but not what the provider's documents promise
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Refused:
    """The call was not taken; nothing of it may be used."""

    reason: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the call reports. ``ignored`` counts reports that say nothing to us."""

    items: tuple[Delivery, ...]
    ignored: int = 0


def refuse_odd(request: WebhookRequest) -> Refused | None:
    """The checks that need no key: a time and a bearable size."""
    if len(request.body) > LARGEST_BODY:
        return Refused(Refusal.TOO_LARGE, "The body is larger than 5 MB.")
    return None


def refuse_stale(timestamp: str, received_at: datetime | None) -> Refused | None:
    """Refuses a signing time (seconds since 1970) that is no time, or is too far from now."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return Refused(Refusal.FORGED, "The signature has no time.")
    if received_at is not None:
        age = received_at.timestamp() - int(timestamp)
        if age > FRESH_SECONDS or age < -FRESH_SECONDS:
            return Refused(Refusal.STALE, "The report was signed more than 26 hours ago.")
    return None
