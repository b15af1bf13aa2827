"""Runs in flight: claiming those that are due, and doing for them what their steps ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from segmind.automations import calling, counts, history
from segmind.automations.flow import InFlight, Move, Outgoing
from segmind.automations.steps import Option, Send
from segmind.consent.addresses import COLUMN, as_channel, normalise
from segmind.customers import traits
from segmind.db.literals import literal
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


def live_with_due(conn: Connection, now: datetime) -> list[int]:
    """Live automations of which a run is due."""
    rows = conn.execute(
        text(
            "SELECT a.id FROM automation a WHERE a.state = 'live' AND EXISTS ("
            " SELECT FROM automation_run r WHERE r.automation_id = a.id AND r.state = 'waiting'"
            " AND r.due_at <= :now) ORDER BY a.id"
        ),
        {"now": now},
    )
    return [row.id for row in rows]


def claim(conn: Connection, automation_id: int, now: datetime, limit: int) -> list[Claimed]:
    """Take due runs of an automation while it is live, the longest due first, by version. They
    stay locked until the transaction ends; others pass them by."""
    values = {"id": automation_id, "now": now, "limit": limit}
    found: dict[int, Claimed] = {}
    for row in conn.execute(text(_CLAIM), values).mappings():
        claimed = found.setdefault(
            row["version"], Claimed(automation_id, row["version"], runs=[], gone=[])
        )
        run = InFlight(
            row["id"],
            row["customer_id"],
            row["triggered_at"],
            row["step"],
            row["due_at"],
            row["arrived_at"],
        )
        (claimed.runs if row["present"] else claimed.gone).append(run)
    return list(found.values())


#: A merged customer's run goes on for the customer that he turned out to be. The rows are locked
#: before anything is joined to them: a plan that joins first would look at many more.
_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT r.id, r.version, r.triggered_at, r.step, r.due_at, r.arrived_at, r.customer_id
  FROM automation_run r
  WHERE r.automation_id = :id AND r.state = 'waiting' AND r.due_at <= :now
    AND EXISTS (SELECT FROM automation a WHERE a.id = :id AND a.state = 'live')
  ORDER BY r.due_at, r.id LIMIT :limit
  FOR UPDATE SKIP LOCKED)
SELECT due.id, due.version, due.triggered_at, due.step, due.due_at, due.arrived_at,
       COALESCE(m.into_id, due.customer_id) AS customer_id,
       c.id IS NOT NULL AND c.erased_at IS NULL AS present
FROM due
LEFT JOIN customer_merge m ON m.from_id = due.customer_id
LEFT JOIN customer c ON c.id = COALESCE(m.into_id, due.customer_id)
"""


@dataclass(frozen=True, slots=True)
class Doing:
    """What doing needs beside the moves: the outbox's key and the values for the template."""

    key: bytes
    automation_id: int
    now: datetime
    vars: Mapping[int, Mapping[str, Any]]  # by run id


def apply(conn: Connection, moves: Sequence[Move], doing: Doing) -> int:
    """Do what the moves ask and write them down; returns how many messages were new."""
    _set_traits(conn, moves, doing.now)
    calling.call(conn, moves, doing.automation_id, doing.now)
    new = 0
    by_option: dict[tuple[str, str], tuple[Outgoing, list[Move]]] = {}
    for move in moves:
        for outgoing in move.sends:
            place = (outgoing.step.id, outgoing.option.channel)
            by_option.setdefault(place, (outgoing, []))[1].append(move)
    for outgoing, senders in by_option.values():
        new += _send(conn, outgoing.step, outgoing.option, senders, doing)
    counts.add(conn, doing.automation_id, history.keep(conn, moves, doing.now))
    return new


def _set_traits(conn: Connection, moves: Sequence[Move], now: datetime) -> None:
    setting = [(move.customer_id, step, move) for move in moves for step in move.traits]
    if not setting:
        return
    given = [(customer, {step.name: step.value}) for customer, step, _ in setting]
    for (_, step, move), outcome in zip(setting, traits.set_many(conn, given, now), strict=True):
        for refused in outcome.refused:
            move.note(step.id, "refused", reason=f"{refused.field} {refused.reason}")


def _send(conn: Connection, step: Send, option: Option, moves: Sequence[Move], doing: Doing) -> int:
    """One message for each; who has no address gets none, and the run's history says so."""
    assert option.template_version_id is not None  # kept definitions hold versions
    addresses = _addresses(conn, option, [move.customer_id for move in moves])
    reached = [move for move in moves if addresses.get(move.customer_id)]
    named = {"channel": option.channel} if step.fallbacks else {}
    for move in moves:
        if addresses.get(move.customer_id):
            move.note(step.id, "sent", **named)
        else:
            move.note(step.id, "skipped", reason="no_address")
    frame = pl.DataFrame(
        {
            "customer_id": [move.customer_id for move in reached],
            "address": [addresses[move.customer_id] for move in reached],
            "run_id": [move.run.id for move in reached],
            "vars": [_as_json(doing.vars.get(move.run.id)) for move in reached],
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
        doing.key,
        Source.AUTOMATION,
        doing.automation_id,
        frame,
        option.template_version_id,
        option.channel,
        due_at=doing.now,
        expires_at=doing.now + timedelta(minutes=step.valid_minutes),
        now=doing.now,
        purpose=step.purpose,
        step=step.id,
    )


def _addresses(conn: Connection, option: Option, ids: Sequence[int]) -> dict[int, str | None]:
    """Each customer's address, fresh from PostgreSQL, in its normal form."""
    channel = as_channel(option.channel)
    rows = conn.execute(
        text(
            f"SELECT id, {COLUMN[channel]} AS address FROM customer"
            " WHERE id = ANY(CAST(:ids AS bigint[]))"
        ),
        {"ids": literal(ids)},
    )
    return {row.id: normalise(channel, row.address) for row in rows}


def _as_json(values: Mapping[str, Any] | None) -> str | None:
    return json.dumps(values, ensure_ascii=False) if values else None
