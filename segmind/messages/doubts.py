"""What a person decides about messages in doubt: ask again now, mark as sent, send again.

Every decision is audited with how many it moved. A message whose doubt ended meanwhile stays as it
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.messages import reconcile
from segmind.messages.reconcile import ReconcileReport
from segmind.messages.sources import SourceKey
from segmind.workspace import audit


def ask_now(
    store: Store, registry: Registry, source: SourceKey, now: datetime, *, actor: str
) -> ReconcileReport:
    """Look for evidence at once: receipts, then the providers. What cannot be proved still waits
    for its grace time. Evidence for other sources' messages counts as well."""
    report = reconcile.run(store, registry, now, at_once=True)
    with store.engine.begin() as conn:
        detail = {"accepted": report.accepted, "again": report.again, "held": report.held}
        audit.record(conn, actor, "doubt.ask", _subject(source), detail)
    return report


def mark_sent(
    conn: Connection,
    source: SourceKey,
    now: datetime,
    *,
    actor: str,
    message_ids: Sequence[int] | None = None,
) -> int:
    """These messages in doubt were sent (None: all of the source); returns how many moved."""
    ids = _chosen(conn, source, message_ids)
    moved = reconcile.mark_sent(conn, ids, now)
    audit.record(conn, actor, "doubt.mark_sent", _subject(source), {"messages": moved})
    return moved


def resend(
    conn: Connection,
    source: SourceKey,
    now: datetime,
    *,
    actor: str,
    message_ids: Sequence[int] | None = None,
) -> int:
    """Send these messages in doubt again (None: all of the source), whatever happened before;
    returns how many moved. Who has it already gets it twice."""
    ids = _chosen(conn, source, message_ids)
    moved = reconcile.resend(conn, ids, now)
    audit.record(conn, actor, "doubt.resend", _subject(source), {"messages": moved})
    return moved


def _chosen(conn: Connection, source: SourceKey, ids: Sequence[int] | None) -> list[int]:
    """Only messages of the source, and only those in doubt."""
    doubtful = reconcile.in_doubt(conn, source.kind, source.id)
    if ids is None:
        return doubtful
    wanted = set(ids)
    return [each for each in doubtful if each in wanted]


def _subject(source: SourceKey) -> str:
    return f"source {source.kind}:{source.id}"
