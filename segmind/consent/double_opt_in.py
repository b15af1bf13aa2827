"""Double opt-in: a yes that counts once the owner of the address has pressed a button.

The link of the request names it by a random id. A GET confirms nothing: scanners follow links.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, text

from segmind.consent import signed, unsubscribe
from segmind.consent.addresses import (
    COLUMN,
    address_hash,
    as_channel,
    is_valid,
    masked,
    normalise,
)
from segmind.consent.ledger import ConsentSource
from segmind.consent.tables import opt_in_request
from segmind.errors import InvalidInput
from segmind.events.schema import Channel

_USE: Final = "confirm"
#: How long a request can be confirmed.
VALID_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Requested:
    """A request: the address that it is about and the token of its link."""

    channel: Channel
    address: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page of a request's link shows. ``state``: open, confirmed, expired, or changed
    (the customer has another address by now, or was erased)."""

    channel: Channel
    address: str
    state: Literal["open", "confirmed", "expired", "changed"]


def request(
    conn: Connection,
    key: bytes,
    secret_key: bytes,
    customer_id: int,
    channel: Channel | str | int,
    *,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> Requested:
    """Keep a request for the customer's present address; nothing may be sent on the strength of it.

    Raises:
        InvalidInput: the customer has no valid address on the channel.
    """
    which = as_channel(channel)
    address = _address(conn, customer_id, which)
    if address is None or not is_valid(which, address):
        raise InvalidInput(f"The customer has no {which.label} address to ask.", field="channel")
    public_id = uuid.uuid4()
    expires_at = now + VALID_FOR
    conn.execute(
        opt_in_request.insert().values(
            public_id=public_id,
            customer_id=customer_id,
            channel=int(which),
            address_hash=address_hash(key, which, address),
            source=str(ConsentSource(source)),
            evidence=dict(evidence) if evidence else None,
            actor=actor,
            requested_at=now,
            expires_at=expires_at,
        )
    )
    return Requested(which, address, signed.sign(secret_key, _USE, public_id.bytes), expires_at)


def look_at(
    conn: Connection, key: bytes, secret_key: bytes, token: str, now: datetime
) -> Asked | None:
    """What to show for a link (GET); changes nothing. None: not our link."""
    row = _row(conn, secret_key, token)
    if row is None:
        return None
    channel = Channel(row.channel)
    address = _address(conn, row.customer_id, channel)
    shown = masked(channel, address)
    if row.confirmed_at is not None:
        return Asked(channel, shown, "confirmed")
    if address is None or address_hash(key, channel, address) != bytes(row.address_hash):
        return Asked(channel, "unknown", "changed")
    return Asked(channel, shown, "open" if now < row.expires_at else "expired")


def confirm(
    conn: Connection,
    key: bytes,
    secret_key: bytes,
    token: str,
    visit: Mapping[str, Any],
    now: datetime,
) -> Asked | None:
    """Record the yes (POST only), with the request's evidence and what is known of the ``visit``.

    Again is fine. None: not our link.
    """
    row = _row(conn, secret_key, token, lock=True)
    asked = look_at(conn, key, secret_key, token, now)
    if row is None or asked is None or asked.state != "open":
        return asked
    conn.execute(
        text("UPDATE opt_in_request SET confirmed_at = :now WHERE id = :id"),
        {"now": now, "id": row.id},
    )
    double = {"requested_at": row.requested_at.isoformat(), "confirmed_at": now.isoformat()}
    unsubscribe.opt_in(
        conn,
        key,
        asked.channel,
        customer_id=row.customer_id,
        source=row.source,
        evidence={**(row.evidence or {}), "double_opt_in": {**double, **visit}},
        actor="customer",
        now=now,
    )
    return Asked(asked.channel, asked.address, "confirmed")


def _row(conn: Connection, secret_key: bytes, token: str, *, lock: bool = False) -> Any:
    payload = signed.read(secret_key, _USE, token)
    if payload is None or len(payload) != 16:
        return None
    return conn.execute(
        text(
            "SELECT r.* FROM opt_in_request r WHERE public_id = :id"
            + (" FOR UPDATE" if lock else "")
        ),
        {"id": uuid.UUID(bytes=payload)},
    ).one_or_none()


def _address(conn: Connection, customer_id: int, channel: Channel) -> str | None:
    found = conn.execute(
        text(
            f"SELECT {COLUMN[channel]} FROM customer WHERE erased_at IS NULL AND id = COALESCE("
            "(SELECT into_id FROM customer_merge WHERE from_id = :id), :id)"
        ),
        {"id": customer_id},
    ).scalar()
    return normalise(channel, found)
