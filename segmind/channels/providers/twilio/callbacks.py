"""What Twilio calls us with: the status of a message, and what customers write."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from twilio.request_validator import RequestValidator

from segmind.channels.delivery import Delivery, Word
from segmind.channels.keywords import meaning
from segmind.channels.providers.transport import short
from segmind.channels.providers.twilio.words import (
    DEAD_NUMBER,
    NAME,
    OPT_OUT_TYPE,
    STATUS,
    UNDELIVERED,
)
from segmind.channels.webhook import Deliveries, Refusal, Refused

#: Twilio tries a callback again on any failure, up to five times.
OVERRIDES: Final = "#rc=5&rp=all"


def validates(token: str, url: str, form: dict[str, str], signature: str, algorithm: str) -> bool:
    try:
        return bool(RequestValidator(token).validate(url, form, signature, algorithm))
    except (TypeError, ValueError, AttributeError, KeyError):
        return False


def form_of(body: bytes) -> dict[str, str] | None:
    try:
        return dict(
            parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=200, errors="strict"
            )
        )
    except ValueError:
        return None


def status_of(form: dict[str, str], m: str, at: datetime) -> Deliveries | Refused:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    status = form["MessageStatus"].strip().lower()
    if not sid:
        return Refused(Refusal.MALFORMED, "The status names no message.")
    word = STATUS.get(status)
    if word is None:
        return Deliveries((), ignored=1)
    code = number(form.get("ErrorCode"))
    dead = code in DEAD_NUMBER
    if dead and word in (Word.BOUNCED_SOFT, Word.FAILED):
        word = Word.BOUNCED_HARD
    reason = DEAD_NUMBER.get(code) or UNDELIVERED.get(code) or form.get("ErrorMessage")
    return Deliveries(
        (
            Delivery(
                word=word,
                provider=NAME,
                at=at,
                dedupe_key=f"{sid}:{status}",
                message_public_id=_uuid(m),
                provider_id=sid,
                address=form.get("To") or None,
                code=str(code) if code else None,
                reason=short(reason) if reason else None,
                suppress=dead,
            ),
        )
    )


def reply_of(form: dict[str, str], at: datetime) -> Deliveries | Refused:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not sid or not form["From"]:
        return Refused(Refusal.MALFORMED, "The message names no sender.")
    text = form["Body"][:2000]
    word = OPT_OUT_TYPE.get(form.get("OptOutType", "").upper()) or meaning(text)
    return Deliveries(
        (
            Delivery(
                word=word,
                provider=NAME,
                at=at,
                dedupe_key=f"{sid}:inbound",
                provider_id=sid,
                address=form["From"],
                text=text,
            ),
        )
    )


def number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
