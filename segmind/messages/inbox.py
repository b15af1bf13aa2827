"""The inbox of receipts: stored as they came, each once, reduced afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.channels.delivery import Delivery
from segmind.db.literals import literal


def store(conn: Connection, deliveries: Sequence[Delivery], now: datetime) -> int:
    """Keep what is new; a report that is there already (provider and dedupe key) stays as it is.

    Returns how many were new.
    """
    if not deliveries:
        return 0
    unique = {(d.provider, d.dedupe_key): d for d in reversed(deliveries)}
    rows = sorted(unique.items())
    stored = conn.execute(
        text("""
            INSERT INTO webhook_inbox (provider, dedupe_key, received_at, delivery)
            SELECT p, k, :now, CAST(d AS jsonb)
            FROM unnest(CAST(:providers AS text[]), CAST(:keys AS text[]),
                        CAST(:deliveries AS text[])) AS given(p, k, d)
            ON CONFLICT DO NOTHING
        """),
        {
            "now": now,
            "providers": literal([provider for (provider, _), _ in rows]),
            "keys": literal([key for (_, key), _ in rows]),
            "deliveries": literal([json.dumps(delivery.to_json()) for _, delivery in rows]),
        },
    )
    return int(stored.rowcount)


#: Receipts are refused when the oldest that is not applied has waited for so long (seconds): the
#: providers keep them and come again, for hours.
LONGEST_LAG = 300.0


def lag(conn: Connection) -> float:
    """How long, in seconds, the oldest receipt has waited that is not applied yet (by the
    database's clock); 0 when none waits."""
    waited = conn.execute(
        text("""
            SELECT EXTRACT(EPOCH FROM clock_timestamp() - stored_at) FROM webhook_inbox
            WHERE processed_at IS NULL ORDER BY id LIMIT 1
        """)
    ).scalar()
    return max(0.0, float(waited or 0.0))
