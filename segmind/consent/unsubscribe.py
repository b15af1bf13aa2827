"""Saying no and saying yes again: the ledger and the suppression together.

The token of an unsubscribe link names one message; who it went to is looked up, never read from
the link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.consent import ledger, signed, suppressions
from segmind.consent.addresses import COLUMN, address_hash, as_channel, normalise
from segmind.consent.reasons import SuppressionReason
from segmind.events.schema import Channel

_USE = "unsubscribe"
_LIFTED_BY_A_YES = (SuppressionReason.UNSUBSCRIBED, SuppressionReason.ERASED)


def token(secret_key: bytes, message_public_id: UUID) -> str:
    """The token of the unsubscribe link of one message; it does not expire."""
    return tokens(secret_key, [message_public_id.bytes])[0]


def tokens(secret_key: bytes, message_public_ids: Sequence[bytes]) -> list[str]:
    """``token`` of each message, given by the 16 bytes of its id."""
    return signed.sign_all(secret_key, _USE, message_public_ids)


def read_token(secret_key: bytes, presented: str) -> UUID | None:
    """The message that a token names; None if we did not make it."""
    payload = signed.read(secret_key, _USE, presented)
    return UUID(bytes=payload) if payload is not None and len(payload) == 16 else None


def opt_out(
    conn: Connection,
    channel: Channel | str | int,
    *,
    customer_id: int | None,
    hashed: bytes,
    address: str | None,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    """No to a channel: a ledger entry, and the address is suppressed.

    ``address`` is None after erasure. A no from before the customer's latest yes is recorded, but
    changes nothing: reports may come in any order.
    """
    which = as_channel(channel)
    if customer_id is not None:
        ledger.record(conn, customer_id, which, 0, source, evidence, actor, now)
        if ledger.current(conn, customer_id)[which]:
            return
    suppressions.add_hash(conn, which, hashed, SuppressionReason.UNSUBSCRIBED, source, now)
    if (normal := normalise(which, address)) is not None:
        ids = [customer_id] if customer_id is not None else []
        suppressions.mark(conn, which, [normal], ids)


def opt_in(
    conn: Connection,
    key: bytes,
    channel: Channel | str | int,
    *,
    customer_id: int,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    """A customer's own yes: a ledger entry, and an earlier unsubscription of the address is lifted.

    A yes from before the customer's latest no is recorded, but changes nothing.

    A hard bounce or a complaint stays: that takes a person (``suppressions.remove``).
    """
    which = as_channel(channel)
    ledger.record(conn, customer_id, which, 1, source, evidence, actor, now)
    if not ledger.current(conn, customer_id)[which]:
        return
    address = conn.execute(
        text(f"SELECT {COLUMN[which]} FROM customer WHERE id = :id"), {"id": customer_id}
    ).scalar()
    if address:
        suppressions.remove(conn, key, which, address, only=_LIFTED_BY_A_YES)


def say(
    conn: Connection,
    key: bytes,
    channel: Channel | str | int,
    yes: bool,
    *,
    customer_id: int,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    """A yes or a no of a customer, whatever address he has: ``opt_in`` or ``opt_out``.

    Raises:
        InvalidInput: an import without attestation (``ledger.attested``).
    """
    which = as_channel(channel)
    if source == ledger.ConsentSource.IMPORT:
        ledger.attested(evidence)
    given: dict[str, Any] = {
        "customer_id": customer_id,
        "source": source,
        "evidence": evidence,
        "actor": actor,
    }
    if yes:
        opt_in(conn, key, which, **given, now=now)
        return
    found = conn.execute(
        text(f"SELECT {COLUMN[which]} FROM customer WHERE id = :id"), {"id": customer_id}
    ).scalar()
    address = normalise(which, found)
    if address is None:
        ledger.record(conn, customer_id, which, 0, source, evidence, actor, now)
        return
    hashed = address_hash(key, which, address)
    opt_out(conn, which, hashed=hashed, address=address, **given, now=now)
