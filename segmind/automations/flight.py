"""Runs as rows: claiming those that are due, and writing down what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from segmind.automations.definition import Send
from segmind.automations.walk import InFlight, Move, Note
from segmind.consent.addresses import COLUMN, as_channel, normalise
from segmind.events.schema import Source
from segmind.messages import outbox

GONE = "customer is gone"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Due runs of one version of an automation; ``gone``: those whose customer was erased."""

    automation_id: int
    version: int
    runs: list[InFlight]
    gone: list[InFlight]


def claim(conn: Connection, now: datetime, limit: int) -> list[Claimed]:
    """Take due runs of live automations, the longest due first. They stay locked until the
    transaction ends; others pass them by."""
    rows = conn.execute(text(_CLAIM), {"now": now, "limit": limit}).mappings()
    found: dict[tuple[int, int], Claimed] = {}
    for row in rows:
        key = (row["automation_id"], row["version"])
        claimed = found.setdefault(key, Claimed(*key, runs=[], gone=[]))
        run = InFlight(
            row["id"], row["customer_id"], row["triggered_at"], row["step"], row["due_at"]
        )
        (claimed.runs if row["present"] else claimed.gone).append(run)
    return list(found.values())


#: A merged customer's run goes on for the customer that he turned out to be.
_CLAIM = """
SELECT r.id, r.automation_id, r.version, r.triggered_at, r.step, r.due_at,
       COALESCE(m.into_id, r.customer_id) AS customer_id,
       EXISTS (SELECT 1 FROM customer c WHERE c.id = COALESCE(m.into_id, r.customer_id)
               AND c.erased_at IS NULL) AS present
FROM automation_run r
JOIN automation a ON a.id = r.automation_id AND a.state = 'live'
LEFT JOIN customer_merge m ON m.from_id = r.customer_id
WHERE r.state = 'waiting' AND r.due_at <= :now
ORDER BY r.due_at, r.id LIMIT :limit
FOR UPDATE OF r SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a send needs beside the moves: the outbox's key and the values for the template."""

    key: bytes
    automation_id: int
    now: datetime
    vars: Mapping[int, Mapping[str, Any]]  # by run id


def apply(conn: Connection, moves: Sequence[Move], sending: Sending) -> int:
    """Write the moves down and put their messages into the outbox; returns how many were new."""
    new = 0
    by_step: dict[str, tuple[Send, list[Move]]] = {}
    for move in moves:
        for step in move.sends:
            by_step.setdefault(step.id, (step, []))[1].append(move)
    for step, senders in by_step.values():
        new += _send(conn, step, senders, sending)
    _note(conn, _in_order(moves), sending.now)
    conn.execute(text(_MOVE), _columns(moves) | {"now": sending.now})
    return new


_MOVE = """
UPDATE automation_run r
SET step = COALESCE(given.step, r.step), due_at = given.due_at,
    state = CASE WHEN given.reason IS NULL THEN 'waiting' ELSE 'exited' END,
    exit_reason = given.reason,
    exited_at = CASE WHEN given.reason IS NULL THEN NULL ELSE CAST(:now AS timestamptz) END
FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:dues AS timestamptz[]),
            CAST(:reasons AS text[])) AS given (id, step, due_at, reason)
WHERE r.id = given.id
"""


def _in_order(moves: Iterable[Move]) -> Iterator[tuple[int, Note]]:
    """Every note with its run; leaving is the last thing that happens to one."""
    for move in moves:
        for note in sorted(move.notes, key=lambda note: note.outcome == "exited"):
            yield move.run.id, note


def _columns(moves: Sequence[Move]) -> dict[str, list[Any]]:
    return {
        "ids": [move.run.id for move in moves],
        "steps": [move.step for move in moves],
        "dues": [move.due_at for move in moves],
        "reasons": [move.exit_reason for move in moves],
    }


def _send(conn: Connection, step: Send, moves: Sequence[Move], sending: Sending) -> int:
    """One message for each; who has no address gets none, and the run's history says so."""
    assert step.template_version_id is not None  # kept definitions hold versions
    addresses = _addresses(conn, step, [move.run.customer_id for move in moves])
    reached = [move for move in moves if addresses.get(move.run.customer_id)]
    for move in moves:
        has = addresses.get(move.run.customer_id)
        detail = None if has else {"reason": "no_address"}
        move.notes.append(Note(step.id, "sent" if has else "skipped", detail))
    frame = pl.DataFrame(
        {
            "customer_id": [move.run.customer_id for move in reached],
            "address": [addresses[move.run.customer_id] for move in reached],
            "run_id": [move.run.id for move in reached],
            "vars": [_as_json(sending.vars.get(move.run.id)) for move in reached],
        },
        schema={
            "customer_id": pl.Int64(),
            "address": pl.String(),
            "run_id": pl.Int64(),
            "vars": pl.String(),
        },
    )
    return outbox.enqueue_many(
        conn,
        sending.key,
        Source.AUTOMATION,
        sending.automation_id,
        frame,
        step.template_version_id,
        step.channel,
        due_at=sending.now,
        expires_at=sending.now + timedelta(minutes=step.valid_minutes),
        now=sending.now,
        purpose=step.purpose,
        step=step.id,
    )


def _addresses(conn: Connection, step: Send, ids: Sequence[int]) -> dict[int, str | None]:
    """Each customer's address, fresh from PostgreSQL, in its normal form."""
    channel = as_channel(step.channel)
    rows = conn.execute(
        text(f"SELECT id, {COLUMN[channel]} AS address FROM customer WHERE id = ANY(:ids)"),
        {"ids": list(ids)},
    )
    return {row.id: normalise(channel, row.address) for row in rows}


def _as_json(values: Mapping[str, Any] | None) -> str | None:
    return json.dumps(values, ensure_ascii=False) if values else None


def _note(conn: Connection, notes: Iterable[tuple[int, Note]], now: datetime) -> None:
    rows = list(notes)
    conn.execute(
        text(
            "INSERT INTO automation_run_step (run_id, step, outcome, detail, at)"
            " SELECT run_id, step, outcome, CAST(detail AS jsonb), :now"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]),"
            "  CAST(:outcomes AS text[]), CAST(:details AS text[]))"
            "  AS given (run_id, step, outcome, detail)"
            " ON CONFLICT (run_id, step, outcome) DO UPDATE SET at = excluded.at,"
            "  detail = excluded.detail"
        ),
        {
            "ids": [run_id for run_id, _ in rows],
            "steps": [note.step for _, note in rows],
            "outcomes": [note.outcome for _, note in rows],
            "details": [_as_json(note.detail) for _, note in rows],
            "now": now,
        },
    )


def let_go(
    conn: Connection, runs: Sequence[InFlight], reasons: Mapping[int, str], now: datetime
) -> None:
    """Let waiting runs leave, each for its reason."""
    leaving = [run for run in runs if run.id in reasons]
    moves = [
        Move(
            run,
            None,
            None,
            reasons[run.id],
            [Note(run.step, "exited", {"reason": reasons[run.id]})],
        )
        for run in leaving
    ]
    _note(conn, _in_order(moves), now)
    conn.execute(text(_MOVE), _columns(moves) | {"now": now})


def fail(conn: Connection, run: InFlight, sentence: str, now: datetime) -> None:
    """The run cannot go on; it stays where it is, and says why."""
    _note(conn, [(run.id, Note(run.step, "failed", {"error": sentence}))], now)
    conn.execute(
        text(
            "UPDATE automation_run SET state = 'failed', exit_reason = :sentence, exited_at = :now,"
            " due_at = NULL WHERE id = :id"
        ),
        {"id": run.id, "sentence": sentence, "now": now},
    )
