"""E-mails as SendGrid's API sends them, so that its libraries can point here.

``SendGridAPIClient("sgm_live_...", host="https://.../api")``. The answer's ``X-Message-Id`` is the
first message's id and the ``batch_id`` of all that the request asked for: follow them with
``GET /messages/{id}`` and ``GET /messages?batch_id=``. With ``asm`` an e-mail is marketing, without
it transactional. What cannot be honoured is refused, never dropped in silence.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from segmind import clock
from segmind.api import strict_json
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.messages import callback_address
from segmind.api.problems import Refusal, field_path
from segmind.api.sendgrid_shapes import (
    FARTHEST_SECONDS,
    MOST_RECIPIENTS,
    Content,
    Mail,
    Personalization,
    error,
)
from segmind.api.vendor_shaped import literal, shaped
from segmind.consent.addresses import address_key, normalise
from segmind.consent.purpose import Purpose
from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.events.schema import Channel
from segmind.messages import send_one
from segmind.messages.send_one import BadAddress, SendRequest
from segmind.templates.template import EmailDraft
from segmind.workspace import audit, product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/v3", tags=["Like SendGrid"], route_class=shaped(error))
Writes = Annotated[Caller, Depends(requires(Scope.MESSAGES_WRITE))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=150)]
Tell = Annotated[str | None, Header(alias="Status-Callback", max_length=2_000)]

_TAG: Final = re.compile(r"[\r\n]")


class Invalid(InvalidInput):
    """The mail is not valid."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(faults[0][0])
        self.faults = faults


@router.post("/mail/send", status_code=HTTPStatus.ACCEPTED)
async def send(
    request: Request, store: StoreOf, caller: Writes, key: Key = None, tell: Tell = None
) -> Response:
    """Send an e-mail to each recipient: 202 and ``X-Message-Id``."""
    mail = _mail(await request.body())
    if mail.mail_settings.sandbox_mode.enable:
        _checked(mail, clock.now())
        return Response(status_code=HTTPStatus.OK)
    first = await run_in_threadpool(_send, store, caller, mail, key, tell)
    return Response(status_code=HTTPStatus.ACCEPTED, headers={"X-Message-Id": str(first)})


def _mail(body: bytes) -> Mail:
    value = strict_json.parse(body)
    try:
        return Mail.model_validate(value)
    except ValidationError as wrong:
        faults = []
        for each in wrong.errors(include_url=False)[:20]:
            field = field_path(("body", *each["loc"]))
            unknown = each["type"] == "extra_forbidden"
            said = "This is not supported here." if unknown else f"{each['msg']}."
            faults.append((said, field))
        raise Invalid(faults) from None


def _checked(mail: Mail, now: datetime) -> None:
    """What the shape alone does not say.

    Raises:
        InvalidInput, BadAddress: ``field`` says where.
    """
    seen: set[str | None] = set()
    for number, part, address in mail.recipients():
        field = f"personalizations[{number}].to.email"
        normal = normalise(Channel.EMAIL, address.email)
        if normal in seen:
            raise InvalidInput("Each email address should be unique in the request.", field=field)
        seen.add(normal)
        if not (part.subject or mail.subject).strip():
            raise InvalidInput("The subject is required.", field="subject")
        _due_at(mail, part, now)
    if len(seen) > MOST_RECIPIENTS:
        raise InvalidInput(f"At most {MOST_RECIPIENTS} recipients.", field="personalizations")
    if len({part.type for part in mail.content}) < len(mail.content):
        raise InvalidInput("Give each content type once.", field="content")


def _send(store: Store, caller: Caller, mail: Mail, key: str | None, tell: str | None) -> UUID:
    now = clock.now()
    _checked(mail, now)
    purpose = Purpose.MARKETING if mail.asm is not None else Purpose.TRANSACTIONAL
    secret = address_key(store.settings.secret_key)
    batch: UUID | None = None
    with store.engine.begin() as conn:
        settings = product_settings.load(conn)
        sender = settings.email_from or store.settings.environ.get("SEGMIND_SENDGRID_FROM", "")
        if sender and mail.from_.email.strip().lower() != sender.lower():
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "unverified_sender",
                "The from address does not match the verified sender of this workspace.",
                field="from",
            )
        callback = callback_address(conn, store, tell)
        for place, (number, part, address) in enumerate(mail.recipients()):
            request = SendRequest(
                channel=Channel.EMAIL,
                address=address.email,
                draft=_draft(mail, part),
                purpose=purpose,
                due_at=_due_at(mail, part, now),
                idempotency_key=f"{key}:{place}" if key is not None else None,
                status_callback=callback,
                batch_id=batch,
            )
            try:
                reference = send_one.send(conn, secret, request, now)
            except BadAddress:
                raise InvalidInput(
                    "Does not contain a valid address.",
                    field=f"personalizations[{number}].to.email",
                ) from None
            if batch is None:
                batch = reference.public_id
                send_one.begin_batch(conn, reference)
                if reference.created:
                    audit.record(conn, caller.actor, "message.send", f"batch {batch}")
    assert batch is not None
    return batch


def _draft(mail: Mail, part: Personalization) -> EmailDraft:
    def filled(text: str, *, escape: bool = False) -> str:
        for name, value in part.substitutions.items():
            text = text.replace(name, html.escape(value) if escape else value)
        return text

    parts: dict[str, Content] = {each.type: each for each in mail.content}
    plain, rich = parts.get("text/plain"), parts.get("text/html")
    body = (
        filled(rich.value, escape=True)
        if rich is not None
        else f"<pre>{html.escape(filled(plain.value if plain else ''))}</pre>"
    )
    return EmailDraft(
        subject=literal(_TAG.sub(" ", filled(part.subject or mail.subject)), "subject"),
        body=literal(body, "content"),
        text=literal(filled(plain.value), "content") if plain is not None else "",
    )


def _due_at(mail: Mail, part: Personalization, now: datetime) -> datetime | None:
    stamp = part.send_at if part.send_at is not None else mail.send_at
    if stamp is None:
        return None
    at = datetime.fromtimestamp(stamp, UTC)
    if at > now + timedelta(seconds=FARTHEST_SECONDS):
        raise InvalidInput("The send_at is more than 72 hours ahead.", field="send_at")
    return at
