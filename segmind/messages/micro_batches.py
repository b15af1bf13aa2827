"""Micro-batches: a campaign's messages are marked for a call by one row for all of them.

To write each message before its call and again after it costs more than everything else about it.
So a campaign's READY messages stay as they are until the answer is known: what marks them is the
row of their micro-batch, committed before the call, with the ids, the lease, and what has to be
known if nobody lives to write the answer down. Nothing is lost and nothing doubled, because

1. No message is in two open micro-batches. ``judging.judge_fresh`` locks the rows of the messages
   and then, in a later statement, reads the open micro-batches; ``begin`` inserts the new one in
   the same transaction, which holds the locks until it commits. Of two that want one message the
   second gets the lock after the first has committed, so its later statement sees the first's
   micro-batch, or the lock shows it a message that is READY no more.
2. A micro-batch ends once: by ``close``, with its answer, or by ``lose``. Both lock its row first,
   which only one can while it is open, and the messages are written in the same transaction. Who
   comes late finds it closed and writes nothing (but a proof of acceptance: ``acknowledge``).
3. No other move touches a message meanwhile: claims leave it alone (1); a receipt waits for the
   answer (``evidence.prove``); retries, which wait as RETRY, and messages of other sources are
   never in one. So its end finds every message READY.
4. A call is made only after the commit, and never for a micro-batch that is closed: the lease runs
   longer than the call may begin (``broadcasting``). A process that dies before the commit has sent
   nothing, and its locks are gone; one that dies after it leaves a micro-batch whose messages are
   in doubt when the lease is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from segmind.db.literals import literal
from segmind.messages import sources
from segmind.messages.claim import LEASE_SECONDS
from segmind.messages.handover import Marked
from segmind.messages.rendering import Rendered
from segmind.messages.sources import SourceKey


def begin(
    conn: Connection,
    source: SourceKey,
    provider: str,
    going: Sequence[Rendered],
    started_at: datetime,
    lease: float,
) -> Marked | None:
    """Mark the messages (locked by ``judging.judge_fresh`` in this transaction) for one call; None,
    and nothing is marked, if their source has been stopped meanwhile. Call after the commit."""
    request_id = uuid.uuid4()
    made = conn.execute(
        _BEGIN,
        {
            "request_id": request_id,
            "kind": source.kind,
            "id": source.id,
            "provider": provider,
            "ids": literal([item.message.id for item in going]),
            "segments": _list([item.segments for item in going]),
            "costs": _list([item.cost_micros or None for item in going]),
            "days": _list([item.message.cap_day for item in going]),
            "started_at": started_at,
            "lease": lease,
        },
    )
    return Marked(request_id, provider, tuple(going), ()) if made.rowcount else None


def close(conn: Connection, request_id: uuid.UUID, accepted: int, now: datetime) -> bool:
    """The call has been answered; False if the micro-batch was given up for lost before."""
    closed = conn.execute(_CLOSE, {"request_id": request_id, "accepted": accepted, "now": now})
    return bool(closed.rowcount)


def lose(conn: Connection, now: datetime, said: str, *, limit: int = 50) -> int:
    """Close micro-batches whose lease is over: their messages are in doubt; how many these are.

    When the call began is told by the lease, as in ``reaper``: ``started_at`` is by the clock of
    the process that called; one ten minutes ahead had the provider asked from after the call.
    """
    values = {"now": now, "said": said, "limit": limit, "longest": LEASE_SECONDS}
    return conn.execute(_LOSE, values).rowcount


def _list(values: Sequence[Any]) -> str | None:
    """The values as an array; nothing where none says anything."""
    return literal(values) if any(v is not None for v in values) else None


_BEGIN: Final = text(f"""
    INSERT INTO micro_batch (request_id, source_kind, source_id, provider, message_ids, segments,
                             costs_micros, cap_days, started_at, lease_until)
    SELECT :request_id, :kind, :id, :provider, CAST(:ids AS bigint[]),
           CAST(:segments AS smallint[]), CAST(:costs AS bigint[]), CAST(:days AS date[]),
           :started_at, now() + make_interval(secs => :lease)
    WHERE NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = :kind
                      AND s.source_id = :id AND NOT ({sources.IS_OPEN}))
""")

_CLOSE: Final = text("""
    UPDATE micro_batch SET finished_at = :now, accepted = :accepted, message_ids = '{}',
        segments = NULL, costs_micros = NULL, cap_days = NULL
    WHERE request_id = :request_id AND finished_at IS NULL
""")

_LOSE: Final = text("""
    WITH gone AS MATERIALIZED (
        SELECT * FROM micro_batch WHERE finished_at IS NULL AND lease_until < now()
        ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED
    ), closed AS (
        UPDATE micro_batch b SET finished_at = :now, message_ids = '{}', segments = NULL,
            costs_micros = NULL, cap_days = NULL
        FROM gone WHERE b.request_id = gone.request_id
    ), moved AS (
        UPDATE message m SET state = 5, attempt = m.attempt + 1, request_id = gone.request_id,
            provider = gone.provider, segments = g.segments, cost_micros = COALESCE(g.cost, 0),
            cap_day = g.day, error_class = 'in_doubt', error_code = 'interrupted',
            error_message = :said, lease_until = now(), due_at = now()
        FROM gone, unnest(gone.message_ids, gone.segments, gone.costs_micros, gone.cap_days)
            AS g(id, segments, cost, day)
        WHERE m.id = g.id AND m.state = 0
        RETURNING m.id, m.attempt, gone.provider, gone.lease_until
    )
    INSERT INTO attempt (message_id, n, provider, started_at, outcome, code, detail)
    SELECT id, attempt, provider, LEAST(CAST(:now AS timestamptz), now())
               - (now() - lease_until) - make_interval(secs => :longest),
           'in_doubt', 'interrupted', :said FROM moved
""")
