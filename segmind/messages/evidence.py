"""Proof that a provider has a message: its own answer, a receipt, a look-up.

However it comes, the message becomes ACCEPTED and its ``message_sent`` enters the log in the same
transaction. Since ACCEPTED leads to no other state (``lifecycle.MOVES``), that happens once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.db.literals import literal
from segmind.events import ingest
from segmind.events.keys import event_bytes
from segmind.events.schema import Kind
from segmind.messages.judging import Claimed
from segmind.messages.lifecycle import PROVABLE, State

_PROVABLE = sorted(int(state) for state in PROVABLE)


def prove(
    conn: Connection,
    proofs: Sequence[tuple[int, str | None]],
    now: datetime,
    *,
    states: Sequence[State] | None = None,
) -> list[int]:
    """Move the messages (id, the provider's id if known) to ACCEPTED; returns those that moved.

    A message that is accepted already, or whose dispatcher's answer is still coming, stays.
    """
    if not proofs:
        return []
    rows = conn.execute(
        text("""
            UPDATE message m SET state = 3, provider_id = COALESCE(m.provider_id, g.provider_id),
                sent_at = COALESCE(m.sent_at, :now), lease_until = NULL, claim_token = NULL,
                error_class = NULL, error_code = NULL, error_message = NULL, skip_reason = NULL
            FROM unnest(CAST(:ids AS bigint[]), CAST(:provider_ids AS text[])) AS g(id, provider_id)
            WHERE m.id = g.id AND m.state = ANY(:states)
            RETURNING m.id
        """),
        {
            "ids": literal([message_id for message_id, _ in proofs]),
            "provider_ids": literal([provider_id for _, provider_id in proofs]),
            "now": now,
            "states": [int(s) for s in states] if states is not None else _PROVABLE,
        },
    )
    moved = [row.id for row in rows]
    _record_sent(conn, moved, now)
    return moved


def _record_sent(conn: Connection, message_ids: Sequence[int], now: datetime) -> None:
    """Append ``message_sent`` of messages that have become accepted to the log."""
    if not message_ids:
        return
    rows = conn.execute(
        text("""
            SELECT m.id, m.public_id, m.customer_id, m.channel, m.source_kind, m.source_id,
                   COALESCE(m.sent_at, :now) AS sent_at
            FROM message m JOIN customer c ON c.id = m.customer_id
            WHERE m.id = ANY(:ids) AND c.erased_at IS NULL
        """),
        {"ids": list(message_ids), "now": now},
    )
    _append(
        conn,
        [
            (row.id, row.public_id, row.customer_id, row.channel, row.source_kind, row.source_id,
             row.sent_at)
            for row in rows
        ],
        now,
    )  # fmt: skip


def append_sent(conn: Connection, messages: Sequence[Claimed], now: datetime) -> None:
    """Append ``message_sent`` at ``now`` of messages that this transaction has made ACCEPTED, and
    whose customers are known to be there."""
    _append(
        conn,
        [
            (m.id, m.public_id, m.customer_id, m.channel, m.source.kind, m.source.id, now)
            for m in messages
            if m.customer_id is not None
        ],
        now,
    )


_Sent = tuple[int, UUID, int, int, int, int, datetime]


def _append(conn: Connection, sent: Sequence[_Sent], now: datetime) -> None:
    if not sent:
        return
    message_ids, public_ids, customer_ids, channels, kinds, sources, instants = zip(
        *sent, strict=True
    )
    ingest.store_new_columns(
        conn,
        {
            "event_id": [event_bytes(f"message:{public_id}:sent") for public_id in public_ids],
            "ts": [ingest.micros(sent_at) for sent_at in instants],
            "customer_id": customer_ids,
            "kind": [int(Kind.MESSAGE_SENT)] * len(sent),
            "channel": channels,
            "message_id": message_ids,
            "source_kind": kinds,
            "source_id": sources,
        },
        now,
    )
