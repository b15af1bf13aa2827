"""Taking messages back that an event has overtaken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.events.schema import Source
from segmind.messages import contacts
from segmind.messages.lifecycle import State


def withdraw(conn: Connection, reasons: Mapping[int, str], now: datetime) -> int:
    """Messages of these runs that are not at a provider are not sent any more; how many.

    A claimed one is taken from its dispatcher, whose fence it does not pass then. One that is being
    handed over, or in doubt, expires: if it turns out that it did not leave, it never does.
    """
    ids = list(
        conn.execute(
            text(_WITHDRAW),
            {
                "skipped": int(State.SKIPPED),
                "runs": list(reasons),
                "reasons": list(reasons.values()),
                "kind": int(Source.AUTOMATION),
                "unsent": [
                    int(State.READY),
                    int(State.CLAIMED),
                    int(State.RETRY),
                ],
            },
        ).scalars()
    )
    if ids:
        contacts.release(conn, ids)
    conn.execute(
        text(
            "UPDATE message SET expires_at = :now WHERE run_id = ANY(:runs)"
            " AND source_kind = :kind AND state = ANY(:underway) AND expires_at > :now"
        ),
        {
            "now": now,
            "runs": list(reasons),
            "kind": int(Source.AUTOMATION),
            "underway": [int(State.DISPATCHING), int(State.IN_DOUBT)],
        },
    )
    return len(ids)


_WITHDRAW = """
UPDATE message m
SET state = :skipped, skip_reason = g.reason, claim_token = NULL, lease_until = NULL
FROM unnest(CAST(:runs AS bigint[]), CAST(:reasons AS text[])) AS g (run, reason)
WHERE m.run_id = g.run AND m.source_kind = :kind AND m.state = ANY(:unsent)
RETURNING m.id
"""
