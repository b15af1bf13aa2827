"""Recipients become messages: each row is written once, as its call is going to leave it.

What goes to a provider enters as ACCEPTED, with the request that carries it. While that request's
micro-batch is open this means DISPATCHING (:mod:`segmind.messages.under_way`); where the provider
takes the message, which is nearly always, the row needs no other word. What the gate refuses or
puts off, and what cannot be rendered, enters as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, text

from segmind.consent.purpose import Purpose
from segmind.db.literals import literal
from segmind.events.schema import UTC_INSTANT
from segmind.messages import outbox
from segmind.messages.judging import Locked, Move
from segmind.messages.lifecycle import State
from segmind.messages.portions import Taken
from segmind.messages.rendering import Rendered, Unrenderable
from segmind.messages.sources import SourceKey


def as_locked(
    taken: Taken, source: SourceKey, channel: int, public_ids: Sequence[UUID], now: datetime
) -> list[Locked]:
    """What was taken as rows for the gate, with the ids that they are going to have."""
    return [
        Locked(
            each.message_id,
            public_id,
            source.kind,
            source.id,
            str(Purpose.MARKETING),
            each.customer_id,
            channel,
            each.address,
            each.address_hash,
            taken.template_version_id,
            None,
            0,
            now,
            taken.expires_at,
        )
        for each, public_id in zip(taken.recipients, public_ids, strict=True)
    ]


def going(
    conn: Connection,
    rows: Sequence[Locked],
    step: str | None,
    items: Sequence[Rendered],
    request_id: UUID,
    provider: str,
    now: datetime,
) -> set[int]:
    """Enter what goes to the provider with this request; the ids of those who are in. An address
    that the campaign has reached before is not among them."""
    its = {item.message.id: item for item in items}
    mine = [row for row in rows if row.id in its]
    entered = _enter(
        conn,
        mine,
        {
            "segments": [its[row.id].segments for row in mine],
            "cost_micros": [its[row.id].cost_micros for row in mine],
            "cap_day": [its[row.id].message.cap_day for row in mine],
        },
        step=step,
        created_at=now,
        due_at=now,
        sent_at=now,
        state=int(State.ACCEPTED),
        attempt=1,
        request_id=request_id.bytes,
        provider=provider,
    )
    return set(its) if entered == len(mine) else _there(conn, mine)


def moved(
    conn: Connection, rows: Sequence[Locked], step: str | None, moves: Sequence[Move], now: datetime
) -> None:
    """Enter what does not go, or not now, with the reason."""
    its = {move.id: move for move in moves}
    mine = [row for row in rows if row.id in its]
    own: dict[str, Sequence[Any]] = {
        "state": [int(its[row.id].state) for row in mine],
        "due_at": [its[row.id].due_at.astimezone(UTC) for row in mine],
        "skip_reason": [its[row.id].reason for row in mine],
        "error_message": [its[row.id].detail for row in mine],
    }
    _enter(conn, mine, own, step=step, created_at=now)


def failed(
    conn: Connection,
    rows: Sequence[Locked],
    step: str | None,
    failures: Sequence[Unrenderable],
    now: datetime,
) -> int:
    """Enter what could not be rendered, with field and line; how many they are."""
    its = {failure.message.id: failure.error for failure in failures}
    mine = [row for row in rows if row.id in its]
    own = {
        "error_code": [its[row.id].field for row in mine],
        "error_message": [str(its[row.id]) for row in mine],
    }
    shared = {"state": int(State.FAILED), "error_class": "render"}
    return _enter(conn, mine, own, step=step, created_at=now, due_at=now, **shared)


def _enter(
    conn: Connection, rows: Sequence[Locked], own: Mapping[str, Sequence[Any]], **shared: Any
) -> int:
    """Append rows with what each has of its ``own`` and what all of them share."""
    if not rows:
        return 0
    first = rows[0]
    shared |= {
        "source_kind": first.source_kind,
        "source_id": first.source_id,
        "channel": first.channel,
        "template_version_id": first.template_version_id,
        "expires_at": first.expires_at,
    }
    each: dict[str, Sequence[Any]] = {
        "id": [row.id for row in rows],
        "public_id": [row.public_id.bytes for row in rows],
        "customer_id": [row.customer_id for row in rows],
        "address": [row.address for row in rows],
        "address_hash": [row.address_hash for row in rows],
        **{name: values for name, values in own.items() if any(v is not None for v in values)},
    }
    return outbox.put(conn, _frame(each), _frame({name: [v] for name, v in shared.items()}))


def _frame(columns: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema={name: _TYPES[name] for name in columns})


_TYPES: Final = {
    **dict.fromkeys(("source_kind", "channel", "state", "attempt", "segments"), pl.Int16()),
    **dict.fromkeys(("id", "customer_id", "source_id", "template_version_id"), pl.Int64()),
    **dict.fromkeys(("public_id", "address_hash", "request_id"), pl.Binary()),
    **dict.fromkeys(("address", "step", "provider", "skip_reason"), pl.String()),
    **dict.fromkeys(("error_class", "error_code", "error_message"), pl.String()),
    **dict.fromkeys(("due_at", "expires_at", "created_at", "sent_at"), UTC_INSTANT),
    "cost_micros": pl.Int64(),
    "cap_day": pl.Date(),
}


def _there(conn: Connection, rows: Sequence[Locked]) -> set[int]:
    found = conn.execute(
        text("SELECT id FROM message WHERE id = ANY(CAST(:ids AS bigint[]))"),
        {"ids": literal([row.id for row in rows])},
    )
    return set(found.scalars())
