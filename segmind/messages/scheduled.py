"""Single messages that have not left yet: taken back, or given another time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Row, text

from segmind.errors import Conflict, InvalidInput
from segmind.events.schema import Source
from segmind.messages import contacts, queries
from segmind.messages.lifecycle import State
from segmind.messages.status_words import CANCELLED

#: So far ahead a message may be scheduled.
FARTHEST: Final = timedelta(days=366)


class NotWaiting(Conflict):
    """This message is not waiting any more: it is {status}."""

    code = "message_not_waiting"
    hint = "What was handed to a provider cannot be called back."


class NotSingle(Conflict):
    """This message belongs to a campaign or an automation."""

    code = "message_not_single"
    hint = "Pause or cancel the campaign or the automation."


def cancel(conn: Connection, public_id: UUID | str, now: datetime) -> None:
    """Take a message back before it leaves. Taking it back again changes nothing.

    Raises:
        NoMessage, NotSingle, NotWaiting: it has left, or is leaving, or ended otherwise.
    """
    del now  # a message has no instant of its end; the audit names it
    row = _locked(conn, public_id)
    if State(row.state) is State.SKIPPED and row.skip_reason == CANCELLED:
        return
    _require_waiting(conn, row)
    conn.execute(
        text("UPDATE message SET state = 7, skip_reason = :why WHERE id = :id"),
        {"why": CANCELLED, "id": row.id},
    )
    contacts.release(conn, [row.id])


def reschedule(conn: Connection, public_id: UUID | str, at: datetime, now: datetime) -> None:
    """Let a message that waits leave at ``at`` (now, if that is past); it lives as long after it
    as before.

    Raises:
        NoMessage, NotSingle, NotWaiting: as ``cancel``.
        InvalidInput: it is more than a year ahead.
    """
    if at > now + FARTHEST:
        raise InvalidInput("A message can wait for a year at most.", field="send_at")
    row = _locked(conn, public_id)
    _require_waiting(conn, row)
    due_at = max(at, now)
    conn.execute(
        text("""
            UPDATE message SET state = :state, due_at = :due_at, skip_reason = NULL,
                   expires_at = CAST(:due_at AS timestamptz) + (expires_at - due_at)
            WHERE id = :id
        """),
        {
            "state": int(State.RETRY if due_at > now else State.READY),
            "due_at": due_at,
            "id": row.id,
        },
    )


def _locked(conn: Connection, public_id: UUID | str) -> Row[tuple[int, int, int, str | None]]:
    row = conn.execute(
        text("""
            SELECT id, state, source_kind, skip_reason FROM message
            WHERE public_id = :public_id FOR UPDATE
        """),
        {"public_id": queries.as_uuid(public_id)},
    ).one_or_none()
    if row is None:
        raise queries.NoMessage(id=public_id)
    if row.source_kind != int(Source.SINGLE):
        raise NotSingle()
    return row


def _require_waiting(conn: Connection, row: Row[tuple[int, int, int, str | None]]) -> None:
    if State(row.state) not in {State.READY, State.RETRY}:
        raise NotWaiting(status=queries.by_id(conn, row.id).status.replace("_", " "))
