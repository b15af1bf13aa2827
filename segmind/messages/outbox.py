"""The outbox: putting messages in. Putting the same one in again adds nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from segmind.consent.addresses import address_hash, address_hashes, as_channel, normal_form
from segmind.consent.addresses import normalise as normal_address
from segmind.consent.purpose import Purpose
from segmind.db.frame_copy import copy_frame
from segmind.errors import Conflict, InvalidInput
from segmind.events.schema import UTC_INSTANT, Channel, Source
from segmind.messages import public_ids
from segmind.messages.lifecycle import State

#: What a row of ``enqueue_many`` may say of itself beside customer and address.
OPTIONAL_COLUMNS: Final = {
    "run_id": pl.Int64(),
    "step": pl.String(),
    "vars": pl.String(),  # JSON object
    "template_version_id": pl.Int64(),
}


class KeyReused(Conflict):
    """This idempotency key was used before for another message."""

    code = "idempotency_key_reused"
    hint = "Use a new key for a new message; the same key only to repeat the same request."


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message to be sent. ``address`` is used as it is; the template's version is fixed."""

    channel: Channel
    address: str
    template_version_id: int
    due_at: datetime
    expires_at: datetime
    customer_id: int | None = None
    purpose: Purpose = Purpose.MARKETING
    source_kind: Source = Source.SINGLE
    source_id: int = 0
    run_id: int | None = None
    step: str | None = None
    idempotency_key: str | None = None
    #: What stands for the request in the comparison; by default this message without its times.
    fingerprint: bytes | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message in the outbox. ``created`` is False when it was there already."""

    id: int
    public_id: UUID
    created: bool


def enqueue_many(
    conn: Connection,
    key: bytes,
    source_kind: Source | int,
    source_id: int,
    recipients: pl.DataFrame,
    template_version_id: int | None,
    channel: Channel | str | int,
    due_at: datetime,
    expires_at: datetime,
    now: datetime,
    *,
    purpose: Purpose | str = Purpose.MARKETING,
    step: str | None = None,
) -> int:
    """Put one message per row of ``recipients`` in; returns how many were new.

    ``recipients``: customer_id (Int64), address (String), and of ``OPTIONAL_COLUMNS`` what there
    is; such a column wins over the argument of its name. A campaign reaches an address once, an
    automation's run a step once, whatever is repeated: the caller may start again at any point.
    ``key`` is ``consent.addresses.address_key(...)``.
    """
    if recipients.is_empty():
        return 0
    which = as_channel(channel)
    optional = [name for name in OPTIONAL_COLUMNS if name in recipients.columns]
    rows = recipients.select("customer_id", normal_form(which, pl.col("address")), *optional)
    hashes = address_hashes(key, which, rows["address"])
    # In the order of the hash: the unique index then grows page by page, not at random.
    rows = rows.with_columns(pl.Series("address_hash", hashes, dtype=pl.Binary)).sort(
        "address_hash"
    )
    rows = rows.with_columns(public_ids.many(rows.height, now))
    if "step" in optional:
        rows = rows.with_columns(pl.col("step").fill_null(pl.lit(step, pl.String)))
    shared = pl.DataFrame(
        {
            "source_kind": int(source_kind),
            "source_id": source_id,
            "purpose": str(Purpose(purpose)),
            "channel": int(which),
            "state": int(State.RETRY if due_at > now else State.READY),
            "due_at": due_at,
            "expires_at": expires_at,
            "created_at": now,
            "step": step,
            "template_version_id": template_version_id,
        },
        schema=_SHARED,
    ).drop([name for name in optional if name in _SHARED])
    return put(conn, rows, shared)


_SHARED: Final = {
    "source_kind": pl.Int16(),
    "source_id": pl.Int64(),
    "purpose": pl.String(),
    "channel": pl.Int16(),
    "state": pl.Int16(),
    "due_at": UTC_INSTANT,
    "expires_at": UTC_INSTANT,
    "created_at": UTC_INSTANT,
    "step": pl.String(),
    "template_version_id": pl.Int64(),
}


def put(conn: Connection, rows: pl.DataFrame, shared: pl.DataFrame) -> int:
    """Append messages: ``rows``, each with the one row of ``shared`` beside it, named and typed as
    for ``db.frame_copy``. Those whose place is taken by another are left out; how many went in."""
    try:
        with conn.begin_nested():
            return copy_frame(conn, "message", rows, shared, json="vars")
    except IntegrityError:  # somebody of them is there already
        return _what_is_new(conn, rows, shared)


def _what_is_new(conn: Connection, rows: pl.DataFrame, shared: pl.DataFrame) -> int:
    """Put those rows in that are not there yet; how many."""
    names = ", ".join([*shared.columns, *rows.columns])
    conn.execute(
        text(
            "CREATE TEMPORARY TABLE enqueue_rows ON COMMIT DROP AS"
            f" SELECT {names} FROM message WITH NO DATA"
        )
    )
    copy_frame(conn, "enqueue_rows", rows, shared, json="vars")
    new = conn.execute(
        text(
            f"INSERT INTO message ({names}) SELECT {names} FROM enqueue_rows ON CONFLICT DO NOTHING"
        )
    )
    conn.execute(text("DROP TABLE enqueue_rows"))
    return int(new.rowcount)


def enqueue_one(conn: Connection, key: bytes, new: NewMessage, now: datetime) -> MessageRef:
    """Put one message in. With an idempotency key (or run and step) known, the first one stands.

    Raises:
        KeyReused: the idempotency key belongs to a message that was asked for otherwise.
        InvalidInput: there is no address.
    """
    address = normal_address(new.channel, new.address)
    if address is None:
        raise InvalidInput("There is no address to send to.", field="to")
    digest = new.fingerprint or _fingerprint(new, address)
    row = conn.execute(
        text("""
            INSERT INTO message (
                public_id, source_kind, source_id, run_id, step, idempotency_key, request_hash,
                purpose, customer_id, channel, address, address_hash, template_version_id, vars,
                state, due_at, expires_at, created_at)
            VALUES (:public_id, :source_kind, :source_id, :run_id, :step, :idempotency_key,
                    :request_hash, :purpose, :customer_id, :channel, :address, :address_hash,
                    :template_version_id, CAST(:vars AS jsonb), :state, :due_at, :expires_at, :now)
            ON CONFLICT DO NOTHING
            RETURNING id, public_id
        """),
        {
            "public_id": public_ids.one(now),
            "source_kind": int(new.source_kind),
            "source_id": new.source_id,
            "run_id": new.run_id,
            "step": new.step,
            "idempotency_key": new.idempotency_key,
            "request_hash": digest if new.idempotency_key else None,
            "purpose": str(new.purpose),
            "customer_id": new.customer_id,
            "channel": int(new.channel),
            "address": address,
            "address_hash": address_hash(key, new.channel, address),
            "template_version_id": new.template_version_id,
            "vars": json.dumps(dict(new.vars)) if new.vars else None,
            "state": int(State.RETRY if new.due_at > now else State.READY),
            "due_at": new.due_at,
            "expires_at": new.expires_at,
            "now": now,
        },
    ).one_or_none()
    if row is not None:
        return MessageRef(row.id, row.public_id, created=True)
    return _existing(conn, key, new, address, digest)


def known_key(conn: Connection, idempotency_key: str, fingerprint: bytes) -> MessageRef | None:
    """The message that was asked for under this key before; None if there is none.

    Raises:
        KeyReused: it was asked for otherwise (its fingerprint differs).
    """
    row = conn.execute(
        text("SELECT id, public_id, request_hash FROM message WHERE idempotency_key = :k"),
        {"k": idempotency_key},
    ).one_or_none()
    if row is None:
        return None
    if bytes(row.request_hash or b"") != fingerprint:
        raise KeyReused(field="idempotency_key")
    return MessageRef(row.id, row.public_id, created=False)


def _existing(
    conn: Connection, key: bytes, new: NewMessage, address: str, digest: bytes
) -> MessageRef:
    """The message that stood in the way: by key, by run and step, or by campaign and address."""
    if new.idempotency_key and (found := known_key(conn, new.idempotency_key, digest)):
        return found
    row = conn.execute(
        text("""
            SELECT id, public_id FROM message
            WHERE run_id = :run_id AND step = :step
            UNION ALL
            SELECT id, public_id FROM message
            WHERE source_kind = 1 AND purpose <> 'test' AND :source_kind = 1
              AND source_id = :source_id AND channel = :channel AND address_hash = :address_hash
            LIMIT 1
        """),
        {
            "run_id": new.run_id,
            "step": new.step,
            "source_kind": int(new.source_kind),
            "source_id": new.source_id,
            "channel": int(new.channel),
            "address_hash": address_hash(key, new.channel, address),
        },
    ).one()
    return MessageRef(row.id, row.public_id, created=False)


def _fingerprint(new: NewMessage, address: str) -> bytes:
    said = [
        int(new.channel),
        address,
        new.template_version_id,
        new.customer_id,
        str(new.purpose),
        int(new.source_kind),
        new.source_id,
        dict(new.vars),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()
