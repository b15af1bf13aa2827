"""What is to be told: putting it in, and reading how it went."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, text

from segmind.callbacks.address import host_of
from segmind.callbacks.state import State
from segmind.errors import InvalidInput, NotFound

#: What could not be told for so long is told no more.
LIFETIME: Final = timedelta(hours=24)
MOST_BODY: Final = 256_000


class NoCallback(NotFound):
    """There is no webhook call {id}."""

    code = "callback_not_found"


@dataclass(frozen=True, slots=True)
class NewCallback:
    """One thing to tell. ``url`` went through ``address.check``; ``data`` is plain JSON.

    ``topic`` names the kind (``message.status``), ``subject_id`` what it is about, ``sequence`` its
    place among what that subject has to tell: calls may arrive in another order, a receiver keeps
    the highest. ``dedupe_key``: the same one is told once, whoever puts it in again.
    """

    url: str
    topic: str
    data: Mapping[str, Any]
    at: datetime
    subject_id: int | None = None
    sequence: int | None = None
    dedupe_key: str | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """One call as it stands. ``host`` stands for the address, whose query may be a secret."""

    id: int
    public_id: uuid.UUID
    topic: str
    subject_id: int | None
    sequence: int | None
    host: str
    body: str
    state: State
    tries: int
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    tried_at: datetime | None
    finished_at: datetime | None
    last_status: int | None
    last_answer: str | None
    last_problem: str | None
    last_ms: int | None

    @property
    def because(self) -> str:
        """In a sentence how it went, for a list."""
        match self.state:
            case State.DELIVERED:
                return f"Taken with {self.last_status} at try {self.tries}."
            case State.WAITING if self.tries == 0:
                return "Not tried yet."
            case State.WAITING:
                again = f"{self.due_at:%Y-%m-%d %H:%M:%S} UTC"
                return f"{self.last_problem or 'It is being called.'} Tried again at {again}."
            case State.GIVEN_UP if self.last_status == 410:
                return "The receiver answered 410: it wants no more of this."
            case _:
                return self.last_problem or f"{self.state.label}."


def put(conn: Connection, calls: Sequence[NewCallback], now: datetime) -> int:
    """Put these in, to be told from ``now`` on (the system's time); returns how many were new.

    The body is ``{"type", "timestamp", "data"}`` (Standard Webhooks), the same in every try.

    Raises:
        InvalidInput: a body is larger than 256 kB.
    """
    if not calls:
        return 0
    bodies = [_body(call) for call in calls]
    done = conn.execute(
        text("""
            INSERT INTO callback (public_id, topic, subject_id, sequence, dedupe_key, url, host,
                                  body, created_at, due_at, expires_at)
            SELECT g.*, :now, :now, :expires_at
            FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:subjects AS bigint[]),
                        CAST(:sequences AS int[]), CAST(:keys AS text[]), CAST(:urls AS text[]),
                        CAST(:hosts AS text[]), CAST(:bodies AS text[])) AS g
            ON CONFLICT DO NOTHING
        """),
        {
            "ids": [uuid.uuid4() for _ in calls],
            "topics": [call.topic for call in calls],
            "subjects": [call.subject_id for call in calls],
            "sequences": [call.sequence for call in calls],
            "keys": [call.dedupe_key for call in calls],
            "urls": [call.url for call in calls],
            "hosts": [host_of(call.url) for call in calls],
            "bodies": bodies,
            "now": now,
            "expires_at": now + LIFETIME,
        },
    )
    return int(done.rowcount)


def recent(
    conn: Connection,
    *,
    topic: str | None = None,
    subject_id: int | None = None,
    states: Sequence[State] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Callback]:
    """Calls, the newest first; ``before`` is the id of the last one seen."""
    where = ["true"]
    values: dict[str, Any] = {"limit": limit}
    for name, value in {"topic": topic, "subject_id": subject_id}.items():
        if value is not None:
            where.append(f"{name} = :{name}")
            values[name] = value
    if states is not None:
        where.append("state = ANY(:states)")
        values["states"] = [int(state) for state in states]
    if before is not None:
        where.append("id < :before")
        values["before"] = before
    rows = conn.execute(
        text(f"SELECT * FROM callback WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT :limit"),
        values,
    )
    return [_callback(row) for row in rows.mappings()]


def by_key(conn: Connection, dedupe_key: str) -> Callback:
    """The call that was put in under this key.

    Raises:
        NoCallback: there is none (any more: finished calls are kept for 30 days).
    """
    row = conn.execute(
        text("SELECT * FROM callback WHERE dedupe_key = :key"), {"key": dedupe_key}
    ).mappings()
    found = row.one_or_none()
    if found is None:
        raise NoCallback(id=dedupe_key)
    return _callback(found)


def counts(conn: Connection, since: datetime) -> dict[State, int]:
    """How many calls put in since then stand where; every state is there."""
    rows = conn.execute(
        text("SELECT state, count(*) FROM callback WHERE created_at >= :since GROUP BY state"),
        {"since": since},
    )
    counted = {State(state): int(n) for state, n in rows}
    return {state: counted.get(state, 0) for state in State}


def tell_again(conn: Connection, callback_id: int, now: datetime) -> None:
    """A person's wish: try a finished call once more, with its id, from the first pause on.

    Raises:
        NoCallback: there is none, or it is still waiting for its time.
    """
    done = conn.execute(
        text("""
            UPDATE callback SET state = 0, tries = 0, due_at = :now, expires_at = :expires_at,
                   lease_until = NULL, finished_at = NULL
            WHERE id = :id AND state <> 0
        """),
        {"id": callback_id, "now": now, "expires_at": now + LIFETIME},
    )
    if not done.rowcount:
        raise NoCallback(id=callback_id)


def _body(call: NewCallback) -> str:
    said = {"type": call.topic, "timestamp": call.at.isoformat(), "data": dict(call.data)}
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(body.encode()) > MOST_BODY:
        raise InvalidInput("What is told is larger than 256 kB.", field="data")
    return body


def _callback(row: RowMapping) -> Callback:
    values = {name: row[name] for name in Callback.__slots__}
    return Callback(**{**values, "state": State(row["state"])})
