"""What dead processes left behind: unsent claims go back, interrupted calls are in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.messages import contacts


@dataclass(frozen=True, slots=True)
class ReapReport:
    """``released``: claimed, never sent, ready again. ``in_doubt``: the call was under way."""

    released: int
    in_doubt: int


def run(conn: Connection, now: datetime, *, limit: int = 5_000) -> ReapReport:
    """Move messages whose lease is over. Any number may run at once; repeating it is harmless.

    Leases are judged by the database's clock; ``now`` (the product's) is only written down. A doubt
    begins when it is found, not when the lease ended: were the clock set forward in between, the
    time in which the call may still succeed would seem to have passed.
    """
    released = _released(conn, limit)
    contacts.release(conn, released)
    doubtful = conn.execute(
        text("""
            WITH gone AS (
                SELECT id FROM message WHERE state = 2 AND lease_until < now()
                ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED),
            moved AS (
                UPDATE message m SET state = 5, claim_token = NULL, error_class = 'in_doubt',
                    error_code = 'interrupted', error_message = :said, lease_until = now()
                FROM gone WHERE m.id = gone.id
                RETURNING m.id, m.attempt, m.provider)
            INSERT INTO attempt (message_id, n, provider, started_at, outcome, code, detail)
            SELECT id, attempt, provider, :now, 'in_doubt', 'interrupted', :said FROM moved
        """),
        {
            "limit": limit,
            "now": now,
            "said": "The process that was sending it ended before the provider's answer.",
        },
    ).rowcount
    return ReapReport(released=len(released), in_doubt=doubtful)


def _released(conn: Connection, limit: int) -> list[int]:
    rows = conn.execute(
        text("""
            WITH gone AS (
                SELECT id FROM message WHERE state = 1 AND lease_until < now()
                ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED)
            UPDATE message m SET state = 0, claim_token = NULL, lease_until = NULL
            FROM gone WHERE m.id = gone.id RETURNING m.id
        """),
        {"limit": limit},
    )
    return [row.id for row in rows]
