"""The gate's word about messages: who may go now, and where the others belong.

It is asked about messages that a claim has locked (``claim``), and about a campaign's recipients
who are to become messages (``broadcasting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.consent.caps import Place
from segmind.consent.gate import Allowed, Blocked, ContactRequest, Deferred, may_contact
from segmind.consent.purpose import Purpose
from segmind.db.literals import literal
from segmind.events.schema import Channel
from segmind.messages.lifecycle import State
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings


class Claimed(NamedTuple):
    """A message that this process may send, as long as its lease lasts."""

    id: int
    public_id: UUID
    source: SourceKey
    purpose: Purpose
    customer_id: int | None
    channel: Channel
    address: str
    template_version_id: int
    vars: dict[str, Any]
    attempt: int
    expires_at: datetime
    cap_day: date | None = None  # of the contact that the gate has just reserved


class Locked(NamedTuple):
    """A message that this transaction holds, or one that it is going to make."""

    id: int
    public_id: UUID
    source_kind: int
    source_id: int
    purpose: str
    customer_id: int | None
    channel: int
    address: str | None  # null: erased
    address_hash: bytes
    template_version_id: int
    vars: dict[str, Any] | None
    attempt: int
    due_at: datetime
    expires_at: datetime


COLUMNS: Final = ", ".join(f"m.{name}" for name in Locked._fields)


class Move(NamedTuple):
    """Where a row goes that is not sent now."""

    id: int
    state: State
    due_at: datetime
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of rows. ``rows`` may go; ``places``: the contacts that it reserved for
    them, by message; ``moves``: where the others belong; ``seen``: how many it was asked about;
    ``last_id``: the new watermark."""

    rows: tuple[Claimed, ...]
    places: Mapping[int, Place]
    moves: tuple[Move, ...] = ()
    seen: int = 0
    last_id: int = 0


def judge(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    rows: Sequence[Locked],
    now: datetime,
) -> Judged:
    """Ask the gate about the locked ``rows`` and put away those that may not go now."""
    judged = ask(conn, key, settings, rows, now)
    _put_away(conn, judged.moves)
    return judged


def ask(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    rows: Sequence[Locked],
    now: datetime,
) -> Judged:
    """What the gate says of ``rows``; nothing of it is written into them.

    The contacts in ``places`` are counted: give back those of rows that do not go.
    """
    if not rows:
        return Judged((), {})
    live = [row for row in rows if row.expires_at > now]
    verdicts = may_contact(conn, key, settings, [_request(row) for row in live], now)
    allowed: list[Claimed] = []
    places: dict[int, Place] = {}
    moves = [Move(row.id, State.EXPIRED, row.due_at) for row in rows if row.expires_at <= now]
    for row, verdict in zip(live, verdicts, strict=True):
        if isinstance(verdict, Allowed):
            if verdict.place is not None:
                places[row.id] = verdict.place
            allowed.append(as_claimed(row, verdict.place))
        else:
            moves.append(_move(row, verdict))
    last_id = max(row.id for row in rows)
    return Judged(tuple(allowed), places, tuple(moves), len(rows), last_id)


def _move(row: Locked, verdict: Blocked | Deferred) -> Move:
    match verdict:
        case Blocked(reason, detail):
            return Move(row.id, State.SKIPPED, row.due_at, reason.value, detail or None)
        case Deferred(until, reason):
            late = until >= row.expires_at
            state = State.EXPIRED if late else State.RETRY
            return Move(row.id, state, row.due_at if late else until, reason.value)


def _put_away(conn: Connection, moves: Sequence[Move]) -> None:
    """Write down why the others are not sent, or not now."""
    if not moves:
        return
    conn.execute(
        text("""
            UPDATE message m SET
                state = g.state, due_at = g.due_at, skip_reason = g.reason, cap_day = NULL,
                error_message = COALESCE(g.detail, m.error_message),
                claim_token = NULL, lease_until = NULL
            FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS smallint[]),
                        CAST(:dues AS timestamptz[]), CAST(:reasons AS text[]),
                        CAST(:details AS text[])) AS g(id, state, due_at, reason, detail)
            WHERE m.id = g.id
        """),
        {
            "ids": literal([move.id for move in moves]),
            "states": literal([int(move.state) for move in moves]),
            "dues": literal([move.due_at for move in moves]),
            "reasons": literal([move.reason for move in moves]),
            "details": literal([move.detail for move in moves]),
        },
    )


def _request(row: Locked) -> ContactRequest:
    return ContactRequest(
        row.customer_id,
        _CHANNELS[row.channel],
        row.address,
        _PURPOSES[row.purpose],
        bytes(row.address_hash),
    )


def as_claimed(row: Locked, place: Place | None = None) -> Claimed:
    """The row as a message that may be sent; ``place``: the contact that was reserved for it."""
    return Claimed(
        row.id,
        row.public_id,
        SourceKey(row.source_kind, row.source_id),
        _PURPOSES[row.purpose],
        row.customer_id,
        _CHANNELS[row.channel],
        row.address or "",  # whom the gate lets pass has one
        row.template_version_id,
        row.vars or {},
        row.attempt,
        row.expires_at,
        None if place is None else place.day,
    )


#: Enums by value: a look into a dict costs a tenth of asking the class.
_CHANNELS: Final = {int(channel): channel for channel in Channel}
_PURPOSES: Final = {str(purpose): purpose for purpose in Purpose}
