"""Text messages as Twilio's API sends and shows them, so that its libraries can point here.

``Client("AC" + 32 hex digits, "sgm_live_...")`` with ``client.api.base_url`` set to this API. What
cannot be honoured is refused, never dropped in silence. A text is marketing when it says so
(``MessageIntent=marketing``); else it is transactional.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.messages import callback_address
from segmind.api.twilio_shapes import API_VERSION, TwilioError, error, resource
from segmind.api.vendor_shaped import as_written, literal, shaped
from segmind.channels.sms_parts import LONGEST_BODY
from segmind.consent.addresses import address_key
from segmind.consent.purpose import Purpose
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import queries, scheduled, send_one
from segmind.messages.queries import Message, MessageFilter
from segmind.messages.send_one import BadAddress, SendRequest
from segmind.templates import versions
from segmind.templates.template import SmsDraft
from segmind.workspace import audit, product_settings
from segmind.workspace.api_keys import Scope

_ACCOUNTS: Final = f"/{API_VERSION}/Accounts"
Account = Annotated[str, Path(pattern=r"^AC[0-9a-f]{32}$")]
MessageSid = Annotated[str, Path(pattern=r"^SM[0-9a-f]{32}$")]
Reads = Annotated[Caller, Depends(requires(Scope.MESSAGES_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.MESSAGES_WRITE))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]

router = APIRouter(prefix=_ACCOUNTS, tags=["Like Twilio"], route_class=shaped(error))

#: What a new message may say.
_TAKEN: Final = frozenset(
    "To From MessagingServiceSid Body StatusCallback ValidityPeriod ScheduleType SendAt "
    "MessageIntent SmartEncoded ProvideFeedback".split()
)
_LONGEST_VALIDITY: Final = 36_000
_SOONEST, _LATEST = timedelta(minutes=5), timedelta(days=35)


@router.post("/{account}/Messages.json", status_code=HTTPStatus.CREATED)
async def create(
    request: Request, store: StoreOf, caller: Writes, account: Account, key: Key = None
) -> JSONResponse:
    """Send a text message (form-encoded: To, Body, From, StatusCallback, SendAt ...)."""
    form = _form(await request.body())
    made = await run_in_threadpool(_create, store, caller, account, form, key)
    return JSONResponse(made, HTTPStatus.CREATED)


@router.get("/{account}/Messages.json")
def list_messages(
    request: Request,
    store: StoreOf,
    _caller: Reads,
    account: Account,
    size: Annotated[int, Query(alias="PageSize", ge=1, le=1_000)] = 50,
    token: Annotated[int | None, Query(alias="PageToken", ge=0, lt=2**63)] = None,
    number: Annotated[int, Query(alias="Page", ge=0, le=10**9)] = 0,
) -> dict[str, Any]:
    """Text messages, newest first; To, DateSent, DateSent> and DateSent< narrow them."""
    asked = request.query_params
    since, until = _sent_within(asked)
    wanted = MessageFilter(channel=Channel.SMS, address=asked.get("To"), since=since, until=until)
    with store.engine.connect() as conn:
        page = queries.search(
            conn,
            wanted,
            before=token,
            limit=min(size, 500),
            key=address_key(store.settings.secret_key),
        )
        shown = _resources(conn, page.messages, account)
    kept = {k: v for k, v in asked.items() if k not in {"PageToken", "Page"}}
    here = f"{_ACCOUNTS}/{account}/Messages.json"
    more = {**kept, "Page": number + 1, "PageToken": page.next_before}
    return {
        "messages": shown,
        "page": number,
        "page_size": size,
        "start": 0,
        "end": max(0, len(shown) - 1),
        "uri": f"{here}?{urlencode(dict(asked))}",
        "first_page_uri": f"{here}?{urlencode(kept)}",
        "previous_page_uri": None,
        "next_page_uri": f"{here}?{urlencode(more)}" if page.next_before else None,
    }


@router.get("/{account}/Messages/{message_sid}.json")
def fetch(
    store: StoreOf, _caller: Reads, account: Account, message_sid: MessageSid
) -> dict[str, Any]:
    """One text message as it stands."""
    with store.engine.connect() as conn:
        return _resources(conn, [_found(conn, message_sid)], account)[0]


@router.post("/{account}/Messages/{message_sid}.json")
async def update(
    request: Request, store: StoreOf, caller: Writes, account: Account, message_sid: MessageSid
) -> dict[str, Any]:
    """Take a scheduled message back (``Status=canceled``)."""
    form = _form(await request.body())
    return await run_in_threadpool(_update, store, caller, account, message_sid, form)


def _create(
    store: Store, caller: Caller, account: str, form: Mapping[str, str], key: str | None
) -> dict[str, Any]:
    now = clock.now()
    if unknown := sorted(set(form) - _TAKEN):
        raise TwilioError(20001, f"The parameter {unknown[0]} is not supported here.")
    body, to = form.get("Body", ""), form.get("To", "")
    if not to:
        raise TwilioError(21604, "A 'To' phone number is required.")
    if not body.strip():
        raise TwilioError(21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise TwilioError(21617, f"The message body exceeds the {LONGEST_BODY} character limit.")
    due_at = _due_at(form, now)
    purpose = _purpose(form)
    with store.engine.begin() as conn:
        settings = product_settings.load(conn)
        _check_sender(form, _sender(store, settings.sms_sender))
        try:
            reference = send_one.send(
                conn,
                address_key(store.settings.secret_key),
                SendRequest(
                    channel=Channel.SMS,
                    address=to,
                    draft=SmsDraft(body=literal(body, "Body")),
                    purpose=purpose,
                    due_at=due_at,
                    expires_at=_expires_at(form, due_at or now),
                    idempotency_key=key,
                    status_callback=callback_address(conn, store, form.get("StatusCallback")),
                ),
                now,
            )
        except BadAddress:
            raise TwilioError(
                21211,
                "Invalid 'To' Phone Number: give it as +, country code and number (E.164); "
                "no country is guessed.",
            ) from None
        if reference.created:
            audit.record(conn, caller.actor, "message.send", f"message {reference.public_id}")
        return _resources(conn, [queries.status(conn, reference.public_id)], account)[0]


def _update(
    store: Store, caller: Caller, account: str, message_sid: str, form: Mapping[str, str]
) -> dict[str, Any]:
    if set(form) - {"Status"}:
        raise TwilioError(20001, "Of a message only Status can be changed here.")
    if form.get("Status") != "canceled":
        raise TwilioError(20001, "Status can only be set to canceled.")
    with store.engine.begin() as conn:
        message = _found(conn, message_sid)
        try:
            scheduled.cancel(conn, message.public_id, clock.now())
        except (scheduled.NotWaiting, scheduled.NotSingle) as refused:
            raise TwilioError(30409, refused.message) from None
        audit.record(conn, caller.actor, "message.cancel", f"message {message.public_id}")
        return _resources(conn, [queries.by_id(conn, message.id)], account)[0]


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=100,
        )
    except ValueError:
        raise TwilioError(20001, "The body is not form-encoded UTF-8.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TwilioError(20001, "A parameter is given twice.")
    if any("\0" in value for value in form.values()):
        raise TwilioError(20001, "A parameter has a NUL character.")
    return form


def _due_at(form: Mapping[str, str], now: datetime) -> datetime | None:
    if "ScheduleType" not in form and "SendAt" not in form:
        return None
    if form.get("ScheduleType") != "fixed":
        raise TwilioError(35117, "ScheduleType must be fixed.")
    at = _instant(form.get("SendAt", ""), 35114, "SendAt")
    if not _SOONEST <= at - now <= _LATEST:
        raise TwilioError(35114, "SendAt must be 5 minutes to 35 days from now.")
    return at


def _expires_at(form: Mapping[str, str], due_at: datetime) -> datetime | None:
    text = form.get("ValidityPeriod")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _LONGEST_VALIDITY):
        raise TwilioError(21622, f"ValidityPeriod must be 1 to {_LONGEST_VALIDITY} seconds.")
    return due_at + timedelta(seconds=int(text))


def _purpose(form: Mapping[str, str]) -> Purpose:
    intent = form.get("MessageIntent")
    return Purpose.MARKETING if intent == "marketing" else Purpose.TRANSACTIONAL


def _sender(store: Store, configured: str) -> str:
    return configured or store.settings.environ.get("SEGMIND_TWILIO_FROM", "")


def _check_sender(form: Mapping[str, str], sender: str) -> None:
    """Messages leave from the workspace's sender: another one is refused, not replaced."""
    given = form.get("From") or form.get("MessagingServiceSid")
    if not given:
        raise TwilioError(21603, "A 'From' phone number is required to send a message.")
    if sender and given != sender:
        raise TwilioError(21660, f"This workspace does not send from {given}.")


def _found(conn: Any, message_sid: str) -> Message:
    message = queries.status(conn, UUID(message_sid[2:]))
    if message.channel is not Channel.SMS:
        raise queries.NoMessage(id=message_sid)
    return message


def _resources(conn: Any, messages: Any, account: str) -> list[dict[str, Any]]:
    settings = product_settings.load(conn)
    texts: dict[int, str] = {}
    for message in messages:
        if message.template_version_id not in texts:
            draft = versions.load_version(conn, message.template_version_id)
            body = draft.body if isinstance(draft, SmsDraft) else ""
            texts[message.template_version_id] = as_written(body)
    return [
        resource(
            message,
            account,
            texts[message.template_version_id],
            settings.sms_sender,
            settings.currency,
        )
        for message in messages
    ]


def _sent_within(asked: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """From when up to when; the instant a message was asked for stands for that of its sending."""
    if day := asked.get("DateSent"):
        start = _instant(day, 20001, "DateSent").replace(hour=0, minute=0, second=0, microsecond=0)
        return start, start + timedelta(days=1)
    after, before = asked.get("DateSent>"), asked.get("DateSent<")
    return (
        _instant(after, 20001, "DateSent>") if after else None,
        _instant(before, 20001, "DateSent<") if before else None,
    )


def _instant(text: str, code: int, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TwilioError(code, f"{name} is not an ISO 8601 instant.") from None
