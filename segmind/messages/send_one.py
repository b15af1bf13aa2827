"""A single message: to a customer or to a bare address, from a template or written on the spot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.consent.addresses import COLUMN, as_channel, is_valid, normalise
from segmind.consent.purpose import Purpose
from segmind.errors import InvalidInput, NotFound
from segmind.events.schema import Channel
from segmind.messages import outbox
from segmind.messages.outbox import MessageRef, NewMessage
from segmind.templates import versions
from segmind.templates.check import check
from segmind.templates.template import Draft, to_json
from segmind.workspace import product_settings

#: How long after its time a message may still leave.
LIFETIME: Final = {
    Purpose.MARKETING: timedelta(hours=6),
    Purpose.TRANSACTIONAL: timedelta(hours=24),
    Purpose.TEST: timedelta(hours=1),
}


class NoCustomer(NotFound):
    """There is no customer {id}."""

    code = "customer_not_found"


class NoAddress(InvalidInput):
    """The customer has no address on this channel."""

    code = "no_address"


class BadAddress(InvalidInput):
    """This is no address of the channel."""

    code = "invalid_address"
    hint = "An e-mail address such as ada@example.com; a number with + and country code."


class BadContent(InvalidInput):
    """A single message needs one text: a template's version or a draft, of its channel."""

    code = "invalid_content"


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What to send to whom.

    Exactly one of ``customer_id`` and ``address``, and exactly one of ``template_version_id`` and
    ``draft``. ``due_at`` None: now. ``vars`` go over the customer's own values in the template.
    """

    channel: Channel | str
    customer_id: int | None = None
    address: str | None = None
    template_version_id: int | None = None
    draft: Draft | None = None
    purpose: Purpose | str = Purpose.TRANSACTIONAL
    vars: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    idempotency_key: str | None = None
    #: Where each later status is told (``messages.told``), checked by ``callbacks.address``.
    status_callback: str | None = None
    #: The message's last moment; None: as its purpose has it.
    expires_at: datetime | None = None
    #: What was asked for together.
    batch_id: UUID | None = None


def send(conn: Connection, key: bytes, request: SendRequest, now: datetime) -> MessageRef:
    """Put the message into the outbox; it leaves when a dispatcher takes it.

    The same idempotency key with the same request returns the first message. Consent, suppression
    and hours are asked when it is claimed: a "no" is recorded on the message, not raised here.
    ``key`` is ``consent.addresses.address_key(...)``.

    Raises:
        BadContent, BadAddress, NoAddress, NoCustomer: the request cannot become a message.
        KeyReused: the idempotency key belongs to another request.
        NoVersion: there is no such template version.
    """
    fingerprint = _fingerprint(request)
    if request.idempotency_key is not None:
        if not 0 < len(request.idempotency_key) <= 200:
            raise InvalidInput("A key has 1 to 200 characters.", field="idempotency_key")
        if known := outbox.known_key(conn, request.idempotency_key, fingerprint):
            return known
    which = as_channel(request.channel)
    customer_id, address = _recipient(conn, which, request)
    version_id = _version(conn, which, request, now)
    due_at = max(request.due_at or now, now)
    purpose = Purpose(request.purpose)
    new = NewMessage(
        channel=which,
        address=address,
        template_version_id=version_id,
        due_at=due_at,
        expires_at=request.expires_at or due_at + LIFETIME[purpose],
        customer_id=customer_id,
        purpose=purpose,
        idempotency_key=request.idempotency_key,
        fingerprint=fingerprint,
        vars=request.vars,
    )
    reference = outbox.enqueue_one(conn, key, new, now)
    if reference.created and (request.status_callback or request.batch_id):
        conn.execute(
            text("UPDATE message SET status_callback = :url, batch_id = :batch WHERE id = :id"),
            {"url": request.status_callback, "batch": request.batch_id, "id": reference.id},
        )
    return reference


def begin_batch(conn: Connection, first: MessageRef) -> None:
    """Name what is asked for together after its first message; once more changes nothing."""
    conn.execute(
        text("UPDATE message SET batch_id = public_id WHERE id = :id AND batch_id IS NULL"),
        {"id": first.id},
    )


def _recipient(conn: Connection, which: Channel, request: SendRequest) -> tuple[int | None, str]:
    if (request.customer_id is None) == (request.address is None):
        raise InvalidInput("Give a customer or an address, one of the two.", field="to")
    if request.customer_id is None:
        address = normalise(which, request.address)
        if address is None or not is_valid(which, address):
            raise BadAddress(field="to")
        if Purpose(request.purpose) is Purpose.TEST:
            return None, address
        return _owner(conn, which, address), address
    row = conn.execute(
        text(f"""
            SELECT c.id, c.{COLUMN[which]} AS address FROM customer c
            WHERE c.erased_at IS NULL AND c.id = COALESCE(
                (SELECT into_id FROM customer_merge WHERE from_id = :id), :id)
            FOR SHARE OF c
        """),
        {"id": request.customer_id},
    ).one_or_none()
    if row is None:
        raise NoCustomer(id=request.customer_id, field="to")
    address = normalise(which, row.address)
    if address is None:
        raise NoAddress(field="to")
    if not is_valid(which, address):
        raise BadAddress(field="to")
    return int(row.id), address


def _owner(conn: Connection, which: Channel, address: str) -> int | None:
    """The one customer who has this address; None if nobody has it, or several."""
    has = {
        Channel.EMAIL: "lower(email) = :address",
        Channel.SMS: "phone = :address",
        Channel.PUSH: "id IN (SELECT customer_id FROM device WHERE token = :address)",
    }[which]
    ids = conn.execute(
        text(f"SELECT id FROM customer WHERE {has} AND erased_at IS NULL LIMIT 2"),
        {"address": address},
    ).scalars()
    found = list(ids)
    return int(found[0]) if len(found) == 1 else None


def _version(conn: Connection, which: Channel, request: SendRequest, now: datetime) -> int:
    if (request.template_version_id is None) == (request.draft is None):
        raise BadContent(field="content")
    draft = request.draft
    if draft is None:
        assert request.template_version_id is not None
        draft = versions.load_version(conn, request.template_version_id)
    if as_channel(draft.channel) is not which:
        raise BadContent(field="channel")
    marketing = Purpose(request.purpose) is Purpose.MARKETING
    postal_address = product_settings.load(conn).postal_address if marketing else ""
    findings = check(draft, marketing=marketing, postal_address=postal_address, values=request.vars)
    for finding in findings:
        if finding.level == "error":
            place = f"Line {finding.line}: " if finding.line else ""
            raise BadContent(place + finding.message, hint=finding.hint, field=finding.field)
    if request.template_version_id is not None:
        return request.template_version_id
    return versions.save_version(conn, draft, now=now)


def _fingerprint(request: SendRequest) -> bytes:
    said = [
        int(as_channel(request.channel)),
        request.customer_id,
        request.address,
        request.template_version_id,
        to_json(request.draft) if request.draft is not None else None,
        str(Purpose(request.purpose)),
        dict(request.vars),
        request.due_at.isoformat() if request.due_at else None,
        *([request.status_callback] if request.status_callback else []),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()
