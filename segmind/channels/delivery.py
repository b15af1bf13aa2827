"""What providers report, in our words: a provider's file chiefly maps its words to ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class Word(StrEnum):
    """What a provider says happened."""

    QUEUED = "queued"  # the provider has it and waits
    SENT = "sent"  # it left the provider; for many SMS routes the last word there is
    DELIVERED = "delivered"  # the carrier, mail server or device has it
    BOUNCED_HARD = "bounced_hard"  # the address will never work: suppress it
    BOUNCED_SOFT = "bounced_soft"  # it did not work this time
    FAILED = "failed"  # the provider gave up before the address was tried, or the carrier refused
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"  # marked as spam
    INBOUND_STOP = "inbound_stop"  # the customer wrote STOP
    INBOUND_START = "inbound_start"  # the customer wrote START
    INBOUND_HELP = "inbound_help"  # the customer wrote HELP; the carrier has answered
    INBOUND_TEXT = "inbound_text"  # the customer wrote anything else: a person should read it


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that a provider reported.

    ``message_public_id`` is None where the vendor names only its own id (find the message by
    ``provider`` and ``provider_id``) or where a customer wrote first (find him by ``address``).
    ``dedupe_key`` is the same for every repeat of the same report by the same provider.
    """

    word: Word
    provider: str
    at: datetime
    dedupe_key: str
    message_public_id: UUID | None = None
    provider_id: str | None = None
    address: str | None = None
    machine: bool = False  # an open or click that no human made
    url: str | None = None  # what was clicked
    code: str | None = None  # the vendor's error code
    reason: str | None = None  # in words
    text: str | None = None  # what the customer wrote
    suppress: bool = False  # the address must not be used again, whatever the word
    smtp_id: str | None = None  # the e-mail's own id: a late bounce may carry nothing else of ours
    agent: str | None = None  # the user agent of a visit to one of our links
    method: str | None = None  # its HTTP method, if not GET

    def with_machine(self, machine: bool) -> Delivery:
        """The same report under another judgement."""
        return replace(self, machine=machine)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON without empty values; ``from_json`` is its inverse."""
        out: dict[str, Any] = {
            "word": self.word.value,
            "provider": self.provider,
            "at": self.at.astimezone(UTC).isoformat(),
            "dedupe_key": self.dedupe_key,
        }
        if self.message_public_id is not None:
            out["message_public_id"] = str(self.message_public_id)
        for name in _OPTIONAL:
            if (value := getattr(self, name)) is not None:
                out[name] = value
        for name in ("machine", "suppress"):
            if getattr(self, name):
                out[name] = True
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Delivery:
        """A delivery from what ``to_json`` made.

        Raises:
            KeyError, ValueError, TypeError: it is not such a thing.
        """
        public_id = data.get("message_public_id")
        at = datetime.fromisoformat(data["at"])
        if at.tzinfo is None:
            raise ValueError("The instant of a delivery must name its zone.")
        return cls(
            word=Word(data["word"]),
            provider=str(data["provider"]),
            at=at.astimezone(UTC),
            dedupe_key=str(data["dedupe_key"]),
            message_public_id=None if public_id is None else UUID(public_id),
            provider_id=data.get("provider_id"),
            address=data.get("address"),
            machine=bool(data.get("machine", False)),
            url=data.get("url"),
            code=data.get("code"),
            reason=data.get("reason"),
            text=data.get("text"),
            suppress=bool(data.get("suppress", False)),
            smtp_id=data.get("smtp_id"),
            agent=data.get("agent"),
            method=data.get("method"),
        )


#: Fields that JSON leaves out where they are None.
_OPTIONAL: Final = (
    "provider_id",
    "address",
    "url",
    "code",
    "reason",
    "text",
    "smtp_id",
    "agent",
    "method",
)
