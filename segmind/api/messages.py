"""Messages: send one, find some, follow one, take one back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.message_shapes import (
    CallbackOut,
    HappenedOut,
    Later,
    MessageOut,
    Messages,
    MessageWithHistory,
    NewMessage,
    Sent,
    SourceName,
    StatusName,
    To,
    values_of,
)
from segmind.api.problems import Refusal
from segmind.api.shapes import MOST_ID, ChannelName, Cursor, Instant, Limit
from segmind.api.strict_json import StrictRoute
from segmind.callbacks import outbound
from segmind.callbacks.address import check as check_address
from segmind.callbacks.address import rules_of
from segmind.consent.addresses import address_key, as_channel
from segmind.customers import queries as customers
from segmind.events.schema import Source
from segmind.messages import queries, scheduled, send_one, told
from segmind.messages.queries import MessageFilter
from segmind.messages.send_one import SendRequest
from segmind.templates.template import parse_draft
from segmind.workspace import audit, product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/messages", tags=["Messages"], route_class=StrictRoute)
READING = [Depends(requires(Scope.MESSAGES_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.MESSAGES_WRITE))]

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same request does it once, however often it is sent.",
    ),
]


@router.post("/send", status_code=HTTPStatus.CREATED)
def send(
    store: StoreOf, caller: Writes, body: NewMessage, response: Response, key: Key = None
) -> Sent:
    """Put one message into the outbox; it leaves within a second or two.

    Consent, suppression, caps and hours are asked just before it leaves: a no is on the message.
    """
    chosen = chosen_key(key, body.idempotency_key)
    now = clock.now()
    if body.send_at is not None and body.send_at > now + scheduled.FARTHEST:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "A message can wait for a year at most.",
            field="send_at",
        )
    with store.engine.begin() as conn:
        reference = send_one.send(
            conn,
            address_key(store.settings.secret_key),
            SendRequest(
                channel=as_channel(body.channel),
                customer_id=_customer(conn, body.to),
                address=body.to.address,
                template_version_id=body.template_version_id,
                draft=parse_draft({**body.content, "channel": body.channel})
                if body.content is not None
                else None,
                purpose=body.purpose,
                vars=body.vars,
                due_at=body.send_at,
                idempotency_key=chosen,
                status_callback=callback_address(conn, store, body.status_callback),
            ),
            now,
        )
        if reference.created:
            audit.record(conn, caller.actor, "message.send", f"message {reference.public_id}")
        made = queries.status(conn, reference.public_id)
        currency = product_settings.load(conn).currency
    if not reference.created:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/messages/{reference.public_id}"
    return Sent(created=reference.created, **values_of(made, currency))


@router.get("", dependencies=READING)
def search(
    store: StoreOf,
    text: Annotated[
        str | None, Query(max_length=200, description="Part of an address, or an id.")
    ] = None,
    address: Annotated[
        str | None, Query(max_length=4096, description="A whole address, of any channel.")
    ] = None,
    status: StatusName | None = None,
    error_code: Annotated[str | None, Query(max_length=100)] = None,
    batch_id: UUID | None = None,
    channel: ChannelName | None = None,
    source: SourceName | None = None,
    source_id: Annotated[int | None, Query(ge=0, le=MOST_ID)] = None,
    campaign: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    automation: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    customer_id: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Messages:
    """Messages that fit, newest first. ``campaign`` and ``automation`` are short for a source."""
    kind, number = _source(source, source_id, campaign, automation)
    wanted = MessageFilter(
        text=text.replace("\0", "") if text else None,
        address=address.replace("\0", "") if address else None,
        status=status,
        error_code=error_code.replace("\0", "") if error_code else None,
        batch_id=batch_id,
        channel=as_channel(channel) if channel else None,
        source_kind=kind,
        source_id=number,
        customer_id=customer_id,
        since=since,
        until=until,
    )
    with store.engine.connect() as conn:
        key = address_key(store.settings.secret_key)
        page = queries.search(conn, wanted, before=before, limit=limit, key=key)
        currency = product_settings.load(conn).currency
    found = [MessageOut(**values_of(message, currency)) for message in page.messages]
    return Messages(messages=found, next=page.next_before)


@router.get("/{message_id}", dependencies=READING)
def get(store: StoreOf, message_id: UUID) -> MessageWithHistory:
    """One message with everything that happened to it."""
    with store.engine.connect() as conn:
        found = queries.one(conn, message_id)
        calls = outbound.recent(conn, topic=told.TOPIC, subject_id=found.message.id)
        currency = product_settings.load(conn).currency
    callbacks = [
        CallbackOut(
            sequence=call.sequence,
            state=call.state.name.lower(),
            because=call.because,
            tries=call.tries,
            last_status=call.last_status,
            due_at=call.due_at,
            finished_at=call.finished_at,
        )
        for call in reversed(calls)
    ]
    history = [
        HappenedOut(at=e.at, what=e.said, detail=e.detail, meaning=e.meaning, machine=e.machine)
        for e in found.entries
    ]
    return MessageWithHistory(
        history=history, callbacks=callbacks, **values_of(found.message, currency)
    )


@router.post("/{message_id}/cancel")
def cancel(store: StoreOf, caller: Writes, message_id: UUID) -> MessageOut:
    """Take a single message back that has not left. Once more changes nothing."""
    with store.engine.begin() as conn:
        scheduled.cancel(conn, message_id, clock.now())
        audit.record(conn, caller.actor, "message.cancel", f"message {message_id}")
        return _answer(conn, message_id)


@router.patch("/{message_id}")
def reschedule(store: StoreOf, caller: Writes, message_id: UUID, body: Later) -> MessageOut:
    """Give a single message that has not left another time."""
    with store.engine.begin() as conn:
        scheduled.reschedule(conn, message_id, body.send_at, clock.now())
        detail = {"send_at": body.send_at.isoformat()}
        audit.record(conn, caller.actor, "message.reschedule", f"message {message_id}", detail)
        return _answer(conn, message_id)


def callback_address(conn: Any, store: Any, given: str | None) -> str | None:
    """Where a message's status is told: as asked for, else where the workspace wants it.

    Raises:
        RefusedAddress: it may not be called.
    """
    if given is None:
        return product_settings.load(conn).status_callback_url
    return check_address(given, rules_of(store.settings), field="status_callback")


def _answer(conn: Any, message_id: UUID) -> MessageOut:
    currency = product_settings.load(conn).currency
    return MessageOut(**values_of(queries.status(conn, message_id), currency))


def _source(
    source: SourceName | None, source_id: int | None, campaign: int | None, automation: int | None
) -> tuple[int | None, int | None]:
    given = [each for each in (source, campaign, automation) if each is not None]
    if len(given) > 1 or (source_id is not None and source is None):
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "Give one source: source with source_id, or campaign, or automation.",
            field="source",
        )
    if campaign is not None:
        return int(Source.CAMPAIGN), campaign
    if automation is not None:
        return int(Source.AUTOMATION), automation
    return (int(Source[source.upper()]) if source else None), source_id


def chosen_key(header: str | None, field: str | None) -> str | None:
    """The idempotency key of a request, from its header or its body.

    Raises:
        Refusal: both are given and differ.
    """
    if header is not None and field is not None and header != field:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "The header Idempotency-Key and the field idempotency_key differ.",
            field="idempotency_key",
        )
    return header if header is not None else field


def _customer(conn: Any, to: To) -> int | None:
    given = [v for v in (to.customer_id, to.external_id, to.address) if v is not None]
    if len(given) != 1:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_input",
            "Say to whom: exactly one of customer_id, external_id and address.",
            field="to",
        )
    if to.external_id is not None:
        return customers.get_external(conn, to.external_id).id
    return to.customer_id
