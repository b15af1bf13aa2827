"""Where a message is, in one word, and why, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import RowMapping

from segmind.consent.reasons import Reason
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.under_way import IS_ACCEPTED, IS_UNDER_WAY

_WORDS = {
    State.READY: "queued",
    State.CLAIMED: "sending",
    State.DISPATCHING: "sending",
    State.RETRY: "waiting",
    State.IN_DOUBT: "in_doubt",
    State.FAILED: "failed",
    State.SKIPPED: "skipped",
    State.EXPIRED: "expired",
}
_DELIVERY_WORDS = {
    Delivery.NONE: "accepted",
    Delivery.QUEUED: "accepted",
    Delivery.SENDING: "accepted",
    Delivery.SENT: "sent",
    Delivery.DELIVERED: "delivered",
    Delivery.BOUNCED: "bounced",
    Delivery.FAILED: "failed",
}


#: ``skip_reason`` of a single message that its sender took back.
CANCELLED: Final = "cancelled"

_STOPPED = "COALESCE(s.state, 'open') = 'cancelled'"
#: Each word as a condition on ``message m LEFT JOIN outbox_source s``; a test holds them equal to
#: ``status_word``.
CONDITIONS: Final[Mapping[str, str]] = {
    "queued": f"m.state = 0 AND NOT {_STOPPED}",
    "waiting": f"m.state = 4 AND NOT {_STOPPED}",
    "sending": f"(m.state IN (1, 2) OR {IS_UNDER_WAY})",
    "accepted": f"{IS_ACCEPTED} AND m.delivery IN (0, 1, 2)",
    "sent": f"{IS_ACCEPTED} AND m.delivery = 3",
    "delivered": f"{IS_ACCEPTED} AND m.delivery = 4",
    "bounced": f"{IS_ACCEPTED} AND m.delivery = 5",
    "failed": f"(m.state = 6 OR {IS_ACCEPTED} AND m.delivery = 6)",
    "skipped": "m.state = 7 AND m.skip_reason IS DISTINCT FROM 'cancelled'",
    "expired": "m.state = 8",
    "cancelled": f"(m.state IN (0, 4) AND {_STOPPED}"
    " OR m.state = 7 AND m.skip_reason = 'cancelled')",
    "in_doubt": "m.state = 5",
}


def status_word(
    state: State, delivery: Delivery, source_state: str, skip_reason: str | None = None
) -> str:
    """The one word for where a message is; ``source_state`` is its source's flag."""
    if state is State.ACCEPTED:
        return _DELIVERY_WORDS[delivery]
    if source_state == "cancelled" and state in {State.READY, State.RETRY}:
        return CANCELLED
    if state is State.SKIPPED and skip_reason == CANCELLED:
        return CANCELLED
    return _WORDS[state]


def because(row: RowMapping, state: State, word: str) -> str:
    """Why a message (a row with its source's state and reason) is there; empty if it is plain."""
    if word == CANCELLED:
        if state is State.SKIPPED:
            return "Its sender took it back before it left."
        return row["source_reason"] or "It was cancelled before it was sent."
    if row["source_state"] == "paused" and state in {State.READY, State.RETRY}:
        return f"Paused: {row['source_reason']}" if row["source_reason"] else "Paused."
    reason = _reason_label(row["skip_reason"])
    match state:
        case State.SKIPPED:
            detail = f" ({row['error_message']})" if row["error_message"] else ""
            return f"{reason}{detail}."
        case State.RETRY if reason:
            return f"{reason}; it is tried at {row['due_at']:%Y-%m-%d %H:%M} UTC."
        case State.RETRY:
            again = f"it is tried again at {row['due_at']:%Y-%m-%d %H:%M:%S} UTC."
            return f"{row['error_message']} {again}" if row["error_message"] else again.capitalize()
        case State.EXPIRED:
            why = f"{reason} until after its last moment" if reason else "Its last moment passed"
            return f"{why} ({row['expires_at']:%Y-%m-%d %H:%M} UTC)."
        case State.FAILED | State.IN_DOUBT:
            return row["error_message"] or state.label
        case _:
            return ""


def _reason_label(reason: str | None) -> str:
    if not reason:
        return ""
    return Reason(reason).label if reason in set(Reason) else reason
