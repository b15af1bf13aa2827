"""A message as Twilio's API shows it, and its errors."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from fastapi import Response
from fastapi.responses import JSONResponse

from segmind.consent.reasons import Reason
from segmind.errors import InvalidInput, NotFound, SegmindError
from segmind.messages.queries import Message

API_VERSION: Final = "2010-04-01"
_MORE_INFO: Final = "https://www.twilio.com/docs/errors/"

#: Our word for where a message is, in Twilio's.
STATUS: Final = {
    "queued": "queued",
    "waiting": "queued",
    "sending": "sending",
    "in_doubt": "sending",
    "accepted": "sending",
    "sent": "sent",
    "delivered": "delivered",
    "bounced": "undelivered",
    "failed": "failed",
    "skipped": "failed",
    "expired": "failed",
    "cancelled": "canceled",
}
#: Why it was not sent on purpose, as the nearest of Twilio's codes.
SKIPPED_CODE: Final = {
    Reason.SUPPRESSED: 21610,
    Reason.NO_CONSENT: 21610,
    Reason.ERASED: 21610,
    Reason.NO_ADDRESS: 21604,
    Reason.INVALID_ADDRESS: 21211,
}
_NOT_SENT: Final = 30004
_TOO_LATE: Final = 30036
_UNKNOWN: Final = 30008
#: Which of our fields and codes is which of Twilio's errors.
_FIELD_CODE: Final = {"to": 21211, "status_callback": 21609, "send_at": 35114}
_STATUS_CODE: Final = {401: 20003, 403: 20003, 404: 20404, 409: 20409, 429: 20429, 503: 20503}


class TwilioError(InvalidInput):
    """The request is not valid."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.number = code


def error(problem: SegmindError, status: int) -> Response:
    """The problem as Twilio says it: code, message, more_info, status."""
    number = problem.number if isinstance(problem, TwilioError) else 0
    if not number and isinstance(problem, NotFound):
        number, status = 20404, 404
    if not number:
        number = _FIELD_CODE.get(problem.field or "", _STATUS_CODE.get(status, 20001))
    shown = 400 if status == 422 else status
    said = f"{problem.message} {problem.hint}".strip()
    body = {
        "code": number,
        "message": said,
        "more_info": f"{_MORE_INFO}{number}",
        "status": shown,
    }
    headers = {"Cache-Control": "no-store", **getattr(problem, "headers", {})}
    return JSONResponse(body, shown, headers)


def sid(message: Message) -> str:
    """The message's sid: its public id without dashes."""
    return f"SM{message.public_id.hex}"


def resource(
    message: Message, account: str, body: str, sender: str, currency: str
) -> dict[str, Any]:
    """The message as Twilio's Message resource."""
    number, why = _error(message)
    uri = f"/{API_VERSION}/Accounts/{account}/Messages/{sid(message)}"
    sent = message.sent_at
    price = None if sent is None or message.cost_micros is None else message.cost_micros
    changed = max(
        each
        for each in (message.created_at, sent, message.delivered_at, message.clicked_at)
        if each is not None
    )
    return {
        "sid": sid(message),
        "account_sid": account,
        "api_version": API_VERSION,
        "body": body,
        "from": sender or None,
        "to": message.address,
        "status": _status(message),
        "direction": "outbound-api",
        "num_segments": str(message.segments or 0),
        "num_media": "0",
        "price": None if price is None else f"-{price / 1_000_000:.5f}",
        "price_unit": currency,
        "error_code": number,
        "error_message": why,
        "date_created": _date(message.created_at),
        "date_sent": _date(sent),
        "date_updated": _date(changed),
        "messaging_service_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {},
    }


def _status(message: Message) -> str:
    if message.status == "waiting" and message.attempt == 0 and message.skip_reason is None:
        return "scheduled"
    return STATUS[message.status]


def _error(message: Message) -> tuple[int | None, str | None]:
    match message.status:
        case "failed" | "bounced":
            code = message.error_code or ""
            return (int(code) if code.isdigit() else _UNKNOWN), (
                message.because or message.error_message or "It was not delivered."
            )
        case "skipped":
            reason = message.skip_reason or ""
            known = SKIPPED_CODE.get(Reason(reason)) if reason in set(Reason) else None
            return known or _NOT_SENT, message.because
        case "expired":
            return _TOO_LATE, message.because
        case _:
            return None, None


def _date(at: datetime | None) -> str | None:
    return None if at is None else format_datetime(at.astimezone(UTC))
