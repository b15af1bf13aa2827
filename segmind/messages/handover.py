"""Before a provider call: marking what goes, giving back what does not. All of it is fenced.

Only DISPATCHING rows can be in doubt, so rows are marked in the last moment, with a fresh lease,
and with the source's flag asked once more.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.db.literals import literal
from segmind.messages import contacts, sources
from segmind.messages.judging import Claimed
from segmind.messages.lifecycle import State
from segmind.messages.rendering import Rendered, Unrenderable


@dataclass(frozen=True, slots=True)
class Marked:
    """A micro-batch on its way to a provider. ``going`` passed the fence; ``held`` did not."""

    request_id: UUID
    provider: str
    going: tuple[Rendered, ...]
    held: tuple[Rendered, ...]


def mark(
    conn: Connection, token: UUID, provider: str, batch: Sequence[Rendered], lease: float
) -> Marked:
    """CLAIMED -> DISPATCHING for what is still this claim's, whose source is still open, and whose
    address has not been suppressed since the gate was asked: a claim may wait for a slow provider.
    """
    request_id = uuid.uuid4()
    rows = conn.execute(
        text(f"""
            UPDATE message m SET state = 2, attempt = m.attempt + 1, request_id = :request_id,
                provider = :provider, segments = g.segments, cost_micros = g.cost,
                lease_until = now() + make_interval(secs => :lease)
            FROM unnest(CAST(:ids AS bigint[]), CAST(:segments AS smallint[]),
                        CAST(:costs AS bigint[])) AS g(id, segments, cost)
            WHERE m.id = g.id AND m.claim_token = :token AND m.state = 1 AND m.lease_until > now()
              AND NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = m.source_kind
                              AND s.source_id = m.source_id AND NOT ({sources.IS_OPEN}))
              AND (m.purpose <> 'marketing' OR NOT EXISTS (
                    SELECT FROM suppression s
                    WHERE s.channel = m.channel AND s.address_hash = m.address_hash))
            RETURNING m.id
        """),
        {
            "request_id": request_id,
            "provider": provider,
            "lease": lease,
            "token": token,
            "ids": literal([item.message.id for item in batch]),
            "segments": literal([item.segments for item in batch]),
            "costs": literal([item.cost_micros for item in batch]),
        },
    )
    passed = {row[0] for row in rows.all()}
    if len(passed) == len(batch):
        return Marked(request_id, provider, tuple(batch), ())
    return Marked(
        request_id,
        provider,
        tuple(item for item in batch if item.message.id in passed),
        tuple(item for item in batch if item.message.id not in passed),
    )


def release(
    conn: Connection,
    token: UUID,
    messages: Sequence[Claimed],
    *,
    due_at: datetime | None = None,
) -> int:
    """Give claimed rows back, unsent: READY, or with ``due_at`` waiting until then. What was tried
    before waits in any case: READY is only what no provider was ever given."""
    state = State.READY if due_at is None else State.RETRY
    rows = conn.execute(
        text("""
            UPDATE message SET
                state = CASE WHEN attempt > 0 THEN 4 ELSE CAST(:state AS smallint) END,
                due_at = COALESCE(:due_at, due_at), claim_token = NULL, lease_until = NULL
            WHERE id = ANY(:ids) AND claim_token = :token AND state = 1 RETURNING id
        """),
        {
            "state": int(state),
            "due_at": due_at,
            "ids": [message.id for message in messages],
            "token": token,
        },
    )
    given_back = [row.id for row in rows]
    contacts.release(conn, given_back)
    return len(given_back)


def fail_unrenderable(conn: Connection, token: UUID, failures: Sequence[Unrenderable]) -> int:
    """CLAIMED -> FAILED for messages whose text could not be made, with field and line."""
    if not failures:
        return 0
    rows = conn.execute(
        text("""
            UPDATE message m SET state = 6, error_class = 'render', error_code = g.code,
                error_message = g.said, claim_token = NULL, lease_until = NULL
            FROM unnest(CAST(:ids AS bigint[]), CAST(:codes AS text[]), CAST(:said AS text[]))
                AS g(id, code, said)
            WHERE m.id = g.id AND m.claim_token = :token AND m.state = 1
            RETURNING m.id
        """),
        {
            "token": token,
            "ids": [failure.message.id for failure in failures],
            "codes": [failure.error.field for failure in failures],
            "said": [str(failure.error) for failure in failures],
        },
    )
    failed = [row.id for row in rows]
    contacts.release(conn, failed)
    return len(failed)
