"""Keeping no longer than needed: receipts and messages lose what is personal, old events go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text

from segmind.db.engine import Store
from segmind.events.forgetting import drop_months
from segmind.messages.erasure import PERSONAL
from segmind.workspace import product_settings

#: Rows of one transaction.
PORTION: Final = 20_000


@dataclass(frozen=True, slots=True)
class Retained:
    """How many receipts, messages and events lost what they had (events: all of it)."""

    receipts: int
    messages: int
    replies: int
    events: int


def run(store: Store, now: datetime) -> Retained:
    """Forget what the settings no longer keep; a repeat finds nothing left to do.

    Receipts keep their word and instant, so that a replay of one stays a repeat. Messages keep
    their states and costs, and the address until the customer is erased; they lose their variables.
    """
    with store.engine.connect() as conn:
        kept = product_settings.load(conn).retention
    receipts = messages = replies = events = 0
    if kept.webhook_days is not None:
        before = now - timedelta(days=kept.webhook_days)
        receipts = _all(store, _RECEIPTS, before=before, personal=PERSONAL)
    if kept.message_days is not None:
        before = now - timedelta(days=kept.message_days)
        messages = _all(store, _MESSAGES, before=before)
        _all(store, _ATTEMPTS, before=before)
        replies = _all(store, _REPLIES, before=before)
    if kept.event_months is not None:
        events = drop_months(store, kept.event_months, now)
    return Retained(receipts, messages, replies, events)


def _all(store: Store, statement: str, **values: Any) -> int:
    """Run a statement that returns ids, portion by portion, upward."""
    done, above = 0, 0
    while True:
        with store.engine.begin() as conn:
            ids = conn.execute(
                text(statement), {**values, "above": above, "portion": PORTION}
            ).scalars()
            found = list(ids)
        done += len(found)
        if len(found) < PORTION:
            return done
        above = max(found)


_RECEIPTS: Final = """
    UPDATE webhook_inbox SET delivery = delivery - CAST(:personal AS text[])
    WHERE id IN (
        SELECT id FROM webhook_inbox
        WHERE id > :above AND processed_at IS NOT NULL AND received_at < :before
          AND delivery ?| CAST(:personal AS text[])
        ORDER BY id LIMIT :portion)
    RETURNING id
"""
_MESSAGES: Final = """
    UPDATE message SET vars = NULL, request_hash = NULL WHERE id IN (
        SELECT id FROM message
        WHERE id > :above AND created_at < :before AND expires_at < :before
          AND (vars IS NOT NULL OR request_hash IS NOT NULL)
        ORDER BY id LIMIT :portion)
    RETURNING id
"""
_ATTEMPTS: Final = """
    UPDATE attempt SET detail = NULL WHERE id IN (
        SELECT id FROM attempt
        WHERE id > :above AND started_at < :before AND detail IS NOT NULL
        ORDER BY id LIMIT :portion)
    RETURNING id
"""
_REPLIES: Final = """
    UPDATE reply SET text = NULL, address = NULL WHERE id IN (
        SELECT id FROM reply
        WHERE id > :above AND decision IS NOT NULL AND received_at < :before
          AND (text IS NOT NULL OR address IS NOT NULL)
        ORDER BY id LIMIT :portion)
    RETURNING id
"""
