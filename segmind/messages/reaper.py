"""What dead processes left behind: unsent claims go back, interrupted calls are in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.messages import contacts, micro_batches
from segmind.messages.claim import LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class ReapReport:
    """``released``: claimed, never sent, ready again. ``in_doubt``: the call was under way."""

    released: int
    in_doubt: int


_SAID: Final = "The process that was sending it ended before the provider's answer."


def run(conn: Connection, now: datetime, *, limit: int = 5_000) -> ReapReport:
    """Move messages whose lease is over. Any number may run at once; repeating it is harmless.

    Leases are judged by the database's clock; ``now`` (the product's) is only written down. A doubt
    begins when it is found, not when the lease ended: were the clock set forward in between, the
    time in which the call may still succeed would seem to have passed. But the call is said to have
    begun when the lease did at the latest: that far back its provider is asked for the message. The
    clock of the process that called does not count: it may have been wrong, and so may ``now``.
    """
    released = _released(conn, limit)
    contacts.release(conn, released)
    doubtful = conn.execute(
        text("""
            WITH gone AS (
                SELECT id, lease_until FROM message WHERE state = 2 AND lease_until < now()
                ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED),
            moved AS (
                UPDATE message m SET state = 5, claim_token = NULL, error_class = 'in_doubt',
                    error_code = 'interrupted', error_message = :said, lease_until = now(),
                    due_at = now()
                FROM gone WHERE m.id = gone.id
                RETURNING m.id, m.attempt, m.provider, m.created_at, gone.lease_until)
            INSERT INTO attempt (message_id, n, provider, started_at, outcome, code, detail)
            SELECT id, attempt, provider,
                   GREATEST(created_at, LEAST(CAST(:now AS timestamptz), now())
                       - (now() - lease_until) - make_interval(secs => :longest)),
                   'in_doubt', 'interrupted', :said FROM moved
        """),
        {"limit": limit, "now": now, "said": _SAID, "longest": LEASE_SECONDS},
    ).rowcount
    doubtful += micro_batches.lose(conn, now, _SAID)
    return ReapReport(released=len(released), in_doubt=doubtful)


def _released(conn: Connection, limit: int) -> list[int]:
    rows = conn.execute(
        text("""
            WITH gone AS (
                SELECT id FROM message WHERE state = 1 AND lease_until < now()
                ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED)
            UPDATE message m SET state = CASE WHEN m.attempt > 0 THEN 4 ELSE 0 END,
                claim_token = NULL, lease_until = NULL
            FROM gone WHERE m.id = gone.id RETURNING m.id
        """),
        {"limit": limit},
    )
    return [row.id for row in rows]
