"""Micro-batches: a campaign's messages are marked for a call by one row for all of them.

To write each message before its call and again after it costs more than everything else about it.
So a message of a campaign enters the table as what it nearly always becomes, ACCEPTED
(``entering``), and what says that it is not so yet is the row of its micro-batch, committed with
it before the call. Nothing is lost and nothing doubled, because

1. No message is in two micro-batches. It is made in the transaction that begins the one, of a
   recipient who leaves his portion there (``portions``), under the lock of that portion.
2. A micro-batch ends once: by ``close``, with its answer, or by ``lose``. Both lock its row first,
   which only one can while it is open, and what the answer says otherwise is written into the
   messages in the same transaction. Who comes late finds it closed and writes nothing (but a proof
   of acceptance: ``acknowledge``).
3. No other move touches a message meanwhile: claims look for READY and RETRY, proofs for what is
   not ACCEPTED. So its end finds every message as it entered.
4. A call is made only after the commit, and never for a micro-batch that is closed: the lease runs
   longer than the call may begin (``broadcasting``). A process that dies before the commit has sent
   nothing, and everybody is in his portion; one that dies after it leaves a micro-batch whose
   messages are in doubt when the lease is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.db.literals import literal
from segmind.messages import sources
from segmind.messages.claim import LEASE_SECONDS
from segmind.messages.sources import SourceKey


def begin(
    conn: Connection,
    request_id: uuid.UUID,
    source: SourceKey,
    provider: str,
    message_ids: Sequence[int],
    started_at: datetime,
    lease: float,
) -> bool:
    """Mark the messages that this transaction has made for one call; False, and nothing is marked,
    if their source has been stopped meanwhile. Call after the commit."""
    made = conn.execute(
        _BEGIN,
        {
            "request_id": request_id,
            "kind": source.kind,
            "id": source.id,
            "provider": provider,
            "first": min(message_ids),
            "last": max(message_ids),
            "started_at": started_at,
            "lease": lease,
        },
    )
    return bool(made.rowcount)


def close(
    conn: Connection, request_id: uuid.UUID, accepted: Mapping[int, str | None], now: datetime
) -> bool:
    """The call has been answered; False if the micro-batch was given up for lost before.

    ``accepted``: of each message that the provider took, by id, what it calls it.
    """
    names = set(accepted.values()) - {None}
    is_shared = len(accepted) > len(names) == 1 and None not in accepted.values()
    closed = conn.execute(
        _CLOSE,
        {
            "request_id": request_id,
            "accepted": len(accepted),
            "names": literal([*names] if is_shared else [*accepted.values()]) if names else None,
            "named": literal([*accepted]) if names and not is_shared else None,
            "now": now,
        },
    )
    return bool(closed.rowcount)


#: What the provider calls a ``message m`` LEFT JOIN its ``micro_batch b``, as far as it is known.
PROVIDER_ID: Final = """
    COALESCE(m.provider_id, CASE
        WHEN m.state <> 3 THEN NULL
        WHEN b.named_ids IS NULL THEN b.provider_ids[1]
        ELSE b.provider_ids[array_position(b.named_ids, m.id)] END)
"""


def lose(conn: Connection, now: datetime, said: str, *, limit: int = 50) -> int:
    """Close micro-batches whose lease is over: their messages are in doubt; how many these are.

    When the call began is told by the lease, as in ``reaper``: ``started_at`` is by the clock of
    the process that called; one ten minutes ahead had the provider asked from after the call.
    """
    values = {"now": now, "said": said, "limit": limit, "longest": LEASE_SECONDS}
    return conn.execute(_LOSE, values).rowcount


_BEGIN: Final = text(f"""
    INSERT INTO micro_batch (request_id, source_kind, source_id, provider, first_id, last_id,
                             started_at, lease_until)
    SELECT :request_id, :kind, :id, :provider, :first, :last, :started_at,
           now() + make_interval(secs => :lease)
    WHERE NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = :kind
                      AND s.source_id = :id AND NOT ({sources.IS_OPEN}))
""")

_CLOSE: Final = text("""
    UPDATE micro_batch SET finished_at = :now, accepted = :accepted,
        provider_ids = CAST(:names AS text[]), named_ids = CAST(:named AS bigint[])
    WHERE request_id = :request_id AND finished_at IS NULL
""")

_LOSE: Final = text("""
    WITH gone AS MATERIALIZED (
        SELECT * FROM micro_batch WHERE finished_at IS NULL AND lease_until < now()
        ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED
    ), closed AS (
        UPDATE micro_batch b SET finished_at = :now
        FROM gone WHERE b.request_id = gone.request_id
    ), moved AS (
        UPDATE message m SET state = 5, sent_at = NULL, error_class = 'in_doubt',
            error_code = 'interrupted', error_message = :said, lease_until = now(), due_at = now()
        FROM gone
        WHERE m.id BETWEEN gone.first_id AND gone.last_id AND m.request_id = gone.request_id
          AND m.state = 3
        RETURNING m.id, m.attempt, gone.provider, gone.lease_until
    )
    INSERT INTO attempt (message_id, n, provider, started_at, outcome, code, detail)
    SELECT id, attempt, provider, LEAST(CAST(:now AS timestamptz), now())
               - (now() - lease_until) - make_interval(secs => :longest),
           'in_doubt', 'interrupted', :said FROM moved
""")
