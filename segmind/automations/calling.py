"""Webhook steps: what the shop is told of somebody who came to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind import clock
from segmind.automations.flow import Move
from segmind.automations.steps import Webhook
from segmind.callbacks import outbound
from segmind.callbacks.outbound import NewCallback
from segmind.db.literals import literal

TOPIC = "automation.step"


def call(conn: Connection, moves: Sequence[Move], automation_id: int, now: datetime) -> int:
    """Put the moves' calls into the queue of callbacks, once for each run and step; how many were
    new. They are signed, never lead into our own network, and are tried again for a day."""
    calling = [(move, step) for move in moves for step in move.calls]
    if not calling:
        return 0
    known = _external_ids(conn, [move.customer_id for move, _ in calling])
    calls = [
        NewCallback(
            url=step.url,
            topic=TOPIC,
            data=_data(move, step, automation_id, known.get(move.customer_id)),
            at=now,
            subject_id=move.run.id,
            dedupe_key=f"run:{move.run.id}:{step.id}",
        )
        for move, step in calling
    ]
    return outbound.put(conn, calls, clock.wall())


def _data(
    move: Move, step: Webhook, automation_id: int, external_id: str | None
) -> Mapping[str, Any]:
    return {
        "automation_id": automation_id,
        "step": step.id,
        "run_id": move.run.id,
        "customer_id": move.customer_id,
        "external_id": external_id,
        "triggered_at": move.run.triggered_at.isoformat(),
        "values": dict(step.values),
    }


def _external_ids(conn: Connection, ids: Sequence[int]) -> dict[int, str | None]:
    rows = conn.execute(
        text("SELECT id, external_id FROM customer WHERE id = ANY(CAST(:ids AS bigint[]))"),
        {"ids": literal(ids)},
    )
    return {row.id: row.external_id for row in rows}
