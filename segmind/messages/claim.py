"""Claiming: which messages this process sends next. It commits before any provider is called.

A message is locked with SKIP LOCKED, so no two processes claim the same. The gate is asked in the
same transaction: what may not be sent leaves the queue with its reason. Due times are the product's
(``now``); leases are the database's clock, which all processes share.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from segmind.consent.gate import (
    Allowed,
    Blocked,
    ContactRequest,
    Deferred,
    Verdict,
    may_contact,
)
from segmind.consent.purpose import Purpose
from segmind.db.literals import literal
from segmind.events.schema import Channel
from segmind.messages import sources
from segmind.messages.lifecycle import State
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

#: Longer than the longest provider call and what waits before it in the same process.
LEASE_SECONDS: Final = 90.0

_COLUMNS = """m.id, m.public_id, m.source_kind, m.source_id, m.run_id, m.step, m.purpose,
    m.customer_id, m.channel, m.address, m.template_version_id, m.vars, m.attempt, m.due_at,
    m.expires_at, m.created_at"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may send, as long as its lease lasts."""

    id: int
    public_id: UUID
    source: SourceKey
    purpose: Purpose
    customer_id: int | None
    channel: Channel
    address: str
    template_version_id: int
    vars: dict[str, Any]
    attempt: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: its token fences everything that is done with its rows.

    ``seen`` counts all rows that left the queue; ``last_id`` is the new watermark.
    """

    token: UUID
    rows: tuple[Claimed, ...]
    seen: int = 0
    skipped: int = 0
    deferred: int = 0
    expired: int = 0
    last_id: int = 0


def fresh(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    source: SourceKey,
    now: datetime,
    *,
    above: int,
    limit: int,
    channels: Collection[Channel] = tuple(Channel),
    lease: float = LEASE_SECONDS,
) -> Claim:
    """Claim READY messages of one open source, ids above the watermark ``above``.

    The watermark keeps the claim quick when old row versions cannot be vacuumed away.
    """
    rows = conn.execute(
        text(f"""
            SELECT {_COLUMNS} FROM message m
            WHERE m.source_kind = :kind AND m.source_id = :id AND m.state = 0 AND m.id > :above
              AND m.channel = ANY(:channels)
              AND NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = :kind
                              AND s.source_id = :id AND NOT ({sources.IS_OPEN}))
            ORDER BY m.id LIMIT :limit FOR UPDATE OF m SKIP LOCKED
        """),
        {
            "kind": source.kind,
            "id": source.id,
            "above": above,
            "limit": limit,
            "channels": [int(channel) for channel in channels],
        },
    )
    return _decide(conn, key, settings, rows.mappings().all(), now, lease)


def waiting(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    now: datetime,
    *,
    limit: int,
    channels: Collection[Channel] = tuple(Channel),
    lease: float = LEASE_SECONDS,
) -> Claim:
    """Claim messages of any open source whose waiting is over (retries, quiet hours, schedules)."""
    rows = conn.execute(
        text(f"""
            SELECT {_COLUMNS} FROM message m
            LEFT JOIN outbox_source s USING (source_kind, source_id)
            WHERE m.state = 4 AND m.due_at <= :now AND m.channel = ANY(:channels)
              AND {sources.IS_OPEN}
            ORDER BY m.due_at, m.id LIMIT :limit FOR UPDATE OF m SKIP LOCKED
        """),
        {"now": now, "limit": limit, "channels": [int(channel) for channel in channels]},
    )
    return _decide(conn, key, settings, rows.mappings().all(), now, lease)


def _decide(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    rows: Sequence[RowMapping],
    now: datetime,
    lease: float,
) -> Claim:
    """Ask the gate about the locked ``rows`` and move each to where it belongs."""
    token = uuid.uuid4()
    if not rows:
        return Claim(token, ())
    live = [row for row in rows if row["expires_at"] > now]
    verdicts = dict(
        zip(
            (row["id"] for row in live),
            may_contact(conn, key, settings, [_request(row) for row in live], now),
            strict=True,
        )
    )
    moves = [_move(row, verdicts.get(row["id"])) for row in rows]
    _write(conn, moves, token, lease)
    count = [move.state for move in moves].count
    return Claim(
        token=token,
        rows=tuple(
            _claimed(row)
            for row, move in zip(rows, moves, strict=True)
            if move.state is State.CLAIMED
        ),
        seen=len(rows),
        skipped=count(State.SKIPPED),
        deferred=count(State.RETRY),
        expired=count(State.EXPIRED),
        last_id=max(row["id"] for row in rows),
    )


@dataclass(frozen=True, slots=True)
class _Move:
    id: int
    state: State
    due_at: datetime
    reason: str | None = None
    detail: str | None = None
    cap_day: Any = None


def _move(row: RowMapping, verdict: Verdict | None) -> _Move:
    match verdict:
        case None:
            return _Move(row["id"], State.EXPIRED, row["due_at"])
        case Allowed(place):
            return _Move(
                row["id"], State.CLAIMED, row["due_at"], cap_day=place.day if place else None
            )
        case Blocked(reason, detail):
            return _Move(row["id"], State.SKIPPED, row["due_at"], reason.value, detail or None)
        case Deferred(until, reason):
            late = until >= row["expires_at"]
            state = State.EXPIRED if late else State.RETRY
            return _Move(row["id"], state, row["due_at"] if late else until, reason.value)


def _write(conn: Connection, moves: Sequence[_Move], token: UUID, lease: float) -> None:
    conn.execute(
        text("""
            UPDATE message m SET
                state = g.state, due_at = g.due_at, skip_reason = g.reason, cap_day = g.cap_day,
                error_message = COALESCE(g.detail, m.error_message),
                claim_token = CASE WHEN g.state = 1 THEN :token END,
                lease_until = CASE WHEN g.state = 1 THEN now() + make_interval(secs => :lease) END
            FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS smallint[]),
                        CAST(:dues AS timestamptz[]), CAST(:reasons AS text[]),
                        CAST(:details AS text[]), CAST(:days AS date[]))
                AS g(id, state, due_at, reason, detail, cap_day)
            WHERE m.id = g.id
        """),
        {
            "token": token,
            "lease": lease,
            "ids": literal([move.id for move in moves]),
            "states": literal([int(move.state) for move in moves]),
            "dues": literal([move.due_at for move in moves]),
            "reasons": literal([move.reason for move in moves]),
            "details": literal([move.detail for move in moves]),
            "days": literal([move.cap_day for move in moves]),
        },
    )


def _request(row: RowMapping) -> ContactRequest:
    return ContactRequest(
        customer_id=row["customer_id"],
        channel=Channel(row["channel"]),
        address=row["address"],
        purpose=Purpose(row["purpose"]),
    )


def _claimed(row: RowMapping) -> Claimed:
    return Claimed(
        id=row["id"],
        public_id=row["public_id"],
        source=SourceKey(row["source_kind"], row["source_id"]),
        purpose=Purpose(row["purpose"]),
        customer_id=row["customer_id"],
        channel=Channel(row["channel"]),
        address=row["address"],
        template_version_id=row["template_version_id"],
        vars=row["vars"] or {},
        attempt=row["attempt"],
        expires_at=row["expires_at"],
    )
