"""Proof that a provider has a message: its own answer, a receipt, a look-up.

However it comes, the message becomes ACCEPTED and its ``message_sent`` enters the log, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.events.ingest import NewEvent, append
from segmind.events.schema import Channel
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
            "ids": [message_id for message_id, _ in proofs],
            "provider_ids": [provider_id for _, provider_id in proofs],
            "now": now,
            "states": [int(s) for s in states] if states is not None else _PROVABLE,
        },
    )
    moved = [row.id for row in rows]
    record_sent(conn, moved, now)
    return moved


def record_sent(conn: Connection, message_ids: Sequence[int], now: datetime) -> None:
    """Append ``message_sent`` of these accepted messages to the log; a repeat is a no-op."""
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
    append(
        conn,
        [
            NewEvent(
                event_id=f"message:{row.public_id}:sent",
                name="message_sent",
                ts=row.sent_at,
                customer_id=row.customer_id,
                channel=int(Channel(row.channel)),
                message_id=row.id,
                source_kind=row.source_kind,
                source_id=row.source_id,
            )
            for row in rows
        ],
        now,
    )
