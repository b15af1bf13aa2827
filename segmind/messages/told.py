"""Telling senders what became of their messages: every new status once, in order, as a webhook.

A trigger writes each change down where it happens (``tables.message_status_change``); here changes
become statuses, and a status that differs from the one before becomes a call. Calls may arrive in
another order: each says its ``sequence`` and ``at``; who keeps the highest sequence is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, text

from segmind.callbacks import outbound
from segmind.callbacks.outbound import NewCallback
from segmind.db.locks import try_lock
from segmind.events.schema import Channel
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.status_words import status_word

TOPIC: Final = "message.status"
#: The log of changes is kept for this long.
KEPT: Final = timedelta(days=90)


def tell_changes(conn: Connection, now: datetime, limit: int = 2_000) -> int:
    """Turn up to ``limit`` changes into calls; returns how many were looked at. One process at a
    time does it, another one finds nothing to do. ``now`` is the system's time.
    """
    if not try_lock(conn, "messages.told"):
        return 0
    rows = (
        conn.execute(
            text("""
                SELECT c.id, c.message_id, c.sequence, c.at, c.state, c.delivery, c.error_code,
                       m.public_id, m.status_callback, m.channel, m.purpose, m.provider,
                       m.skip_reason, m.segments, m.cost_micros, m.batch_id, m.idempotency_key
                FROM message_status_change c JOIN message m ON m.id = c.message_id
                WHERE c.status IS NULL ORDER BY c.id LIMIT :limit
            """),
            {"limit": limit},
        )
        .mappings()
        .all()
    )
    last = _last_words(conn, [row["message_id"] for row in rows])
    words, calls = [], []
    for row in rows:
        word = status_word(
            State(row["state"]), Delivery(row["delivery"]), "open", row["skip_reason"]
        )
        words.append(word)
        if word != last.get(row["message_id"]) and row["status_callback"]:
            calls.append(_call(row, word))
        last[row["message_id"]] = word
    conn.execute(
        text("""
            UPDATE message_status_change c SET status = g.status
            FROM unnest(CAST(:ids AS bigint[]), CAST(:words AS text[])) AS g(id, status)
            WHERE c.id = g.id
        """),
        {"ids": [row["id"] for row in rows], "words": words},
    )
    outbound.put(conn, calls, now)
    return len(rows)


def prune(conn: Connection, now: datetime, limit: int = 5_000) -> int:
    """Forget told changes older than 90 days, some at a time; returns how many."""
    return conn.execute(
        text("""
            DELETE FROM message_status_change WHERE id IN (
                SELECT id FROM message_status_change ORDER BY id LIMIT :limit)
            AND at < :before AND status IS NOT NULL
        """),
        {"limit": limit, "before": now - KEPT},
    ).rowcount


def _last_words(conn: Connection, message_ids: Sequence[int]) -> dict[int, str]:
    rows = conn.execute(
        text("""
            SELECT DISTINCT ON (message_id) message_id, status FROM message_status_change
            WHERE message_id = ANY(:ids) AND status IS NOT NULL
            ORDER BY message_id, sequence DESC
        """),
        {"ids": list(set(message_ids))},
    )
    return {row.message_id: row.status for row in rows}


def _call(row: RowMapping, word: str) -> NewCallback:
    """No address and no provider's text: they are personal data, and the sender knows whom."""
    data: dict[str, Any] = {
        "id": str(row["public_id"]),
        "status": word,
        "sequence": row["sequence"],
        "at": row["at"].isoformat(),
        "channel": Channel(row["channel"]).label,
        "purpose": row["purpose"],
        "provider": row["provider"],
        "error_code": row["error_code"],
        "skip_reason": row["skip_reason"] if State(row["state"]) is State.SKIPPED else None,
        "sms_parts": row["segments"],
        "cost_micros": row["cost_micros"],
        "batch_id": str(row["batch_id"]) if row["batch_id"] else None,
        "idempotency_key": row["idempotency_key"],
    }
    return NewCallback(
        url=row["status_callback"],
        topic=TOPIC,
        data=data,
        at=row["at"],
        subject_id=row["message_id"],
        sequence=row["sequence"],
        dedupe_key=f"message:{row['message_id']}:{row['sequence']}",
    )
