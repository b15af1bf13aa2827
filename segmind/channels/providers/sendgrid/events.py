"""SendGrid's event webhook: signed bundles of what became of e-mails."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sendgrid.helpers.eventwebhook import EventWebhook

from segmind.channels.delivery import Delivery, Word
from segmind.channels.providers.sendgrid.words import DROPPED, EVENT, NAME
from segmind.channels.providers.transport import short

MOST_EVENTS: Final = 10_000


def delivery_of(event: Any) -> Delivery | None:
    if not isinstance(event, dict):
        return None
    word = EVENT.get(str(event.get("event")))
    stamp = event.get("timestamp")
    if word is None or not isinstance(stamp, int) or not 0 < stamp < 1 << 33:
        return None
    if word is Word.BOUNCED_HARD and event.get("type") == "blocked":
        word = Word.BOUNCED_SOFT
    reason = event.get("reason") or event.get("response")
    dropped = DROPPED.get(str(reason).strip().lower()) if word is Word.FAILED else None
    message_id = str(event.get("sg_message_id") or "").partition(".")[0]
    return Delivery(
        word=word,
        provider=NAME,
        at=datetime.fromtimestamp(stamp, UTC),
        dedupe_key=_dedupe_key(event),
        message_public_id=_uuid(event.get("m")),
        provider_id=message_id or None,
        address=_text(event.get("email")),
        machine=event.get("sg_machine_open") is True,
        url=_text(event.get("url")) if word is Word.CLICKED else None,
        code=_text(event.get("status")),
        reason=short(reason) if reason else None,
        suppress=dropped is not None,
        smtp_id=_text(event.get("smtp-id")),
    )


def _dedupe_key(event: dict[str, Any]) -> str:
    given = event.get("sg_event_id")
    if isinstance(given, str) and 0 < len(given) <= 200:
        return given
    whole = json.dumps(event, sort_keys=True, default=str).encode()
    return "h:" + hashlib.blake2b(whole, digest_size=16).hexdigest()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def decoded(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def verifier(key: str) -> EventWebhook | None:
    try:
        return EventWebhook(key)
    except ValueError:
        return None


def verifies(verifier: EventWebhook, text: str, signature: str, timestamp: str) -> bool:
    if not signature or not timestamp:
        return False
    try:
        return bool(verifier.verify_signature(text, signature, timestamp))
    except (ValueError, TypeError):  # binascii.Error is a ValueError
        return False
