"""Recipients become messages: each row is written once, as its call is going to leave it.

What goes to a provider enters as ACCEPTED, with the request that carries it. While that request's
micro-batch is open this means DISPATCHING (:mod:`segmind.messages.under_way`); where the provider
takes the message, which is nearly always, the row needs no other word. What the gate refuses or
puts off, and what cannot be rendered, enters as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from segmind.db.frame_copy import copy_frame
from segmind.db.literals import literal
from segmind.events.schema import UTC_INSTANT
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
            "marketing",
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
    shared = _shared(mine[0], step, now, request_id, provider)
    own: dict[str, Sequence[Any]] = {
        "segments": [its[row.id].segments for row in mine],
        "cost_micros": [its[row.id].cost_micros for row in mine],
        "cap_day": [its[row.id].message.cap_day for row in mine],
    }
    try:
        with conn.begin_nested():
            copy_frame(conn, "message", _frame(mine, own), shared)
    except IntegrityError:  # the campaign has reached somebody of them before
        return _new_ones(conn, mine, step, now, request_id, provider, own)
    return set(its)


def _frame(rows: Sequence[Locked], own: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    said = {name: values for name, values in own.items() if any(v is not None for v in values)}
    return pl.DataFrame(
        {
            "id": [row.id for row in rows],
            "public_id": [row.public_id.bytes for row in rows],
            "customer_id": [row.customer_id for row in rows],
            "address": [row.address for row in rows],
            "address_hash": [row.address_hash for row in rows],
            **said,
        },
        schema={name: _OWN[name] for name in (*_ALWAYS, *said)},
    )


_ALWAYS: Final = ("id", "public_id", "customer_id", "address", "address_hash")
_OWN: Final = {
    "id": pl.Int64(),
    "public_id": pl.Binary(),
    "customer_id": pl.Int64(),
    "address": pl.String(),
    "address_hash": pl.Binary(),
    "segments": pl.Int16(),
    "cost_micros": pl.Int64(),
    "cap_day": pl.Date(),
}


def _shared(
    first: Locked, step: str | None, now: datetime, request_id: UUID, provider: str
) -> pl.DataFrame:
    """What all messages of a call have in common."""
    values = {
        "source_kind": (first.source_kind, pl.Int16()),
        "source_id": (first.source_id, pl.Int64()),
        "step": (step, pl.String()),
        "channel": (first.channel, pl.Int16()),
        "template_version_id": (first.template_version_id, pl.Int64()),
        "state": (int(State.ACCEPTED), pl.Int16()),
        "attempt": (1, pl.Int16()),
        "due_at": (now, UTC_INSTANT),
        "expires_at": (first.expires_at, UTC_INSTANT),
        "created_at": (now, UTC_INSTANT),
        "sent_at": (now, UTC_INSTANT),
        "request_id": (request_id.bytes, pl.Binary()),
        "provider": (provider, pl.String()),
    }
    return pl.DataFrame(
        {name: [value] for name, (value, _) in values.items()},
        schema={name: kind for name, (_, kind) in values.items()},
    )


def _new_ones(
    conn: Connection,
    rows: Sequence[Locked],
    step: str | None,
    now: datetime,
    request_id: UUID,
    provider: str,
    own: Mapping[str, Sequence[Any]],
) -> set[int]:
    """Enter those whom the campaign has not reached before."""
    return _enter(
        conn,
        rows,
        step,
        now,
        state=int(State.ACCEPTED),
        attempt=1,
        sent_at=now,
        request_id=request_id,
        provider=provider,
        segments=_said(own["segments"]),
        costs=_said(own["cost_micros"]),
        days=_said(own["cap_day"]),
    )


def moved(
    conn: Connection, rows: Sequence[Locked], step: str | None, moves: Sequence[Move], now: datetime
) -> None:
    """Enter what does not go, or not now, with the reason."""
    its = {move.id: move for move in moves}
    mine = [row for row in rows if row.id in its]
    _enter(
        conn,
        mine,
        step,
        now,
        states=literal([int(its[row.id].state) for row in mine]),
        dues=literal([its[row.id].due_at for row in mine]),
        reasons=_said([its[row.id].reason for row in mine]),
        said=_said([its[row.id].detail for row in mine]),
    )


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
    entered = _enter(
        conn,
        mine,
        step,
        now,
        state=int(State.FAILED),
        error_class="render",
        codes=_said([its[row.id].field for row in mine]),
        said=_said([str(its[row.id]) for row in mine]),
    )
    return len(entered)


def _enter(
    conn: Connection, rows: Sequence[Locked], step: str | None, now: datetime, **values: Any
) -> set[int]:
    if not rows:
        return set()
    first = rows[0]
    given = {
        "ids": literal([row.id for row in rows]),
        "public_ids": literal([row.public_id for row in rows]),
        "customers": literal([row.customer_id for row in rows]),
        "addresses": literal([row.address for row in rows]),
        "hashes": literal(["\\x" + row.address_hash.hex() for row in rows]),
        "kind": first.source_kind,
        "source": first.source_id,
        "step": step,
        "channel": first.channel,
        "version": first.template_version_id,
        "expires_at": first.expires_at,
        "now": now,
    }
    return set(conn.execute(_ENTER, _NOTHING | values | given).scalars())


def _said(values: Sequence[Any]) -> str:
    """The values as an array; an empty one where none says anything: unnest fills it up."""
    return literal(values) if any(v is not None for v in values) else "{}"


#: What is the same for all rows of a statement, or said by none of them.
_NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(("state", "sent_at", "request_id", "provider", "error_class")),
    **dict.fromkeys(("states", "dues", "reasons", "codes", "said"), "{}"),
    **dict.fromkeys(("segments", "costs", "days"), "{}"),
    "attempt": 0,
}

_ENTER: Final = text("""
    INSERT INTO message (id, public_id, source_kind, source_id, step, customer_id, channel,
        address, address_hash, template_version_id, state, attempt, due_at, expires_at, created_at,
        sent_at, request_id, provider, segments, cost_micros, cap_day, skip_reason, error_class,
        error_code, error_message)
    SELECT g.id, g.public_id, :kind, :source, :step, g.customer_id, :channel, g.address, g.hash,
           :version, COALESCE(g.state, CAST(:state AS smallint)), :attempt,
           COALESCE(g.due_at, CAST(:now AS timestamptz)), :expires_at, :now, :sent_at, :request_id,
           :provider, g.segments, g.cost, g.cap_day, g.reason, :error_class, g.code, g.said
    FROM unnest(CAST(:ids AS bigint[]), CAST(:public_ids AS uuid[]), CAST(:customers AS bigint[]),
                CAST(:addresses AS text[]), CAST(:hashes AS bytea[]), CAST(:states AS smallint[]),
                CAST(:dues AS timestamptz[]), CAST(:reasons AS text[]), CAST(:codes AS text[]),
                CAST(:said AS text[]), CAST(:segments AS smallint[]), CAST(:costs AS bigint[]),
                CAST(:days AS date[]))
        AS g(id, public_id, customer_id, address, hash, state, due_at, reason, code, said,
             segments, cost, cap_day)
    ON CONFLICT DO NOTHING RETURNING id
""")
