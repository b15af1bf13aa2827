"""A carrier on paper: takes everything, delivers nothing, reports like a real one.

What becomes of a message is drawn from its public id, so the same message always meets the same
fate. Reports are signed requests (HMAC-SHA256 over the time and the body) that go through the same
intake as a real vendor's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, Protocol
from uuid import UUID

from segmind.channels.channel import Channel
from segmind.channels.delivery import Delivery, Word
from segmind.channels.fates import HABITS, REHEARSAL_SPEED, Step, fate
from segmind.channels.outcome import Accepted, Outcome
from segmind.channels.provider import (
    Capabilities,
    Check,
    Finding,
    Found,
    NotFound,
    Parcel,
)
from segmind.channels.webhook import (
    Deliveries,
    Refusal,
    Refused,
    WebhookRequest,
    refuse_odd,
    refuse_stale,
)

NAME: Final = "sandbox"
SIGNATURE: Final = "X-Sandbox-Signature"
TIMESTAMP: Final = "X-Sandbox-Timestamp"

LARGEST_BUNDLE: Final = 500


@dataclass(frozen=True, slots=True)
class ParcelRef:
    """What must be remembered of an accepted parcel in order to report on it later."""

    message_public_id: UUID
    channel: Channel

    @property
    def provider_id(self) -> str:
        return provider_id(self.message_public_id)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A report as it would arrive by HTTP."""

    body: bytes
    headers: dict[str, str]

    def received(self, at: datetime) -> WebhookRequest:
        """The request as our intake sees it at ``at``."""
        return WebhookRequest.of(self.body, self.headers, received_at=at)


class Ledger(Protocol):
    """Where the carrier writes down what it took: durable, before it says so."""

    def record(self, refs: Sequence[ParcelRef]) -> None:
        """Writes the parcels down; one that is there already stays as it is."""

    def holds(self, message_public_id: UUID) -> bool:
        """Whether the parcel was taken."""


class MemoryLedger:
    """A ledger that lasts as long as the process."""

    def __init__(self) -> None:
        self._taken: dict[UUID, ParcelRef] = {}

    def record(self, refs: Sequence[ParcelRef]) -> None:
        for ref in refs:
            self._taken.setdefault(ref.message_public_id, ref)

    def holds(self, message_public_id: UUID) -> bool:
        return message_public_id in self._taken

    def __len__(self) -> int:
        return len(self._taken)


class Sandbox:
    """The sandbox as the provider of one channel."""

    name: Final = NAME
    batch_size: Final = 500

    def __init__(
        self,
        channel: Channel,
        key: bytes,
        *,
        ledger: Ledger | None = None,
        speed: float = REHEARSAL_SPEED,
    ) -> None:
        if speed <= 0:
            raise ValueError("The sandbox's speed must be above 0.")
        self.channel = channel
        self.capabilities = Capabilities(
            receipts=True, look_up=True, repeat_is_harmless=channel is Channel.PUSH
        )
        self.speed = speed
        self._key = hashlib.blake2b(key, key=b"sandbox webhook", digest_size=32).digest()
        self._ledger: Ledger = ledger if ledger is not None else MemoryLedger()

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Takes every parcel."""
        self._ledger.record([ParcelRef(p.message_public_id, self.channel) for p in parcels])
        return [Accepted(provider_id(p.message_public_id)) for p in parcels]

    def find(self, parcel: Parcel, since: datetime) -> Finding:  # noqa: ARG002 - the port's
        """Looks into the ledger."""
        if self._ledger.holds(parcel.message_public_id):
            return Found(provider_id(parcel.message_public_id))
        return NotFound()

    def check(self) -> Check:
        return Check(True, "The sandbox takes everything and delivers nothing.")

    # --- reports -----------------------------------------------------------------------------

    def plan(self, ref: ParcelRef, accepted_at: datetime) -> list[Delivery]:
        """Everything that will be reported of a parcel, in order of time; always the same."""
        return _plan(ref, accepted_at, self.speed)

    def later(self, ref: ParcelRef, accepted_at: datetime) -> list[tuple[datetime, SignedRequest]]:
        """The plan as one signed request per report, with the instant at which each is due."""
        return [(d.at, self.sign([d], d.at)) for d in self.plan(ref, accepted_at)]

    def due(
        self,
        accepted: Iterable[tuple[ParcelRef, datetime]],
        after: datetime | None,
        until: datetime,
    ) -> Iterator[SignedRequest]:
        """Reports with ``after < at <= until`` of many parcels, up to 500 in one request.

        ``after`` None: from the beginning. Requests are signed at ``until``.
        """
        reports = (
            delivery
            for ref, accepted_at in accepted
            for delivery in self.plan(ref, accepted_at)
            if delivery.at <= until and (after is None or delivery.at > after)
        )
        while bundle := list(islice(reports, LARGEST_BUNDLE)):
            yield self.sign(bundle, until)

    def done_at(self, ref: ParcelRef, accepted_at: datetime) -> datetime:
        """When the last report of a parcel is due."""
        return self.plan(ref, accepted_at)[-1].at

    def sign(self, deliveries: Sequence[Delivery], at: datetime) -> SignedRequest:
        """A request that reports ``deliveries``, signed at ``at``."""
        body = json.dumps([d.to_json() for d in deliveries], separators=(",", ":")).encode()
        timestamp = str(int(at.timestamp()))
        return SignedRequest(
            body,
            {
                "Content-Type": "application/json",
                TIMESTAMP: timestamp,
                SIGNATURE: self._signature(timestamp, body),
            },
        )

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        """Reads a signed report."""
        if refused := refuse_odd(request):
            return refused
        timestamp = request.header(TIMESTAMP)
        if not _same(self._signature(timestamp, request.body), request.header(SIGNATURE)):
            return Refused(Refusal.FORGED, "The signature is missing or wrong.")
        if refused := refuse_stale(timestamp, request.received_at):
            return refused
        return _parse(request.body)

    def _signature(self, timestamp: str, body: bytes) -> str:
        message = timestamp.encode("utf-8", "surrogateescape") + b"." + body
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def provider_id(message_public_id: UUID) -> str:
    """The sandbox's name for a message."""
    return f"SB{message_public_id.hex}"


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))


def _parse(body: bytes) -> Deliveries | Refused:
    try:
        data: Any = json.loads(body)
        items = tuple(Delivery.from_json(item) for item in data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Refused(Refusal.MALFORMED, "The body is not a list of reports.")
    if any(item.provider != NAME for item in items):
        return Refused(Refusal.MALFORMED, "The body reports for another provider.")
    return Deliveries(items)


def _plan(ref: ParcelRef, accepted_at: datetime, speed: float) -> list[Delivery]:
    start = accepted_at.astimezone(UTC)
    steps = fate(ref.message_public_id, HABITS[ref.channel], speed)
    return [_report(ref, start, step) for step in steps]


def _report(ref: ParcelRef, start: datetime, step: Step) -> Delivery:
    word = step.word
    if word is Word.UNSUBSCRIBED and ref.channel is Channel.SMS:
        word = Word.INBOUND_STOP
    kind = f"{word.value}-machine" if step.machine else word.value
    return Delivery(
        word=word,
        provider=NAME,
        at=start + timedelta(seconds=step.seconds),
        dedupe_key=f"{ref.provider_id}:{kind}",
        message_public_id=ref.message_public_id,
        provider_id=ref.provider_id,
        machine=step.machine,
        reason=step.reason,
    )
