"""Looking back on runs: who is where, what happened to one customer, how many passed each step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind.errors import NotFound


class UnknownRun(NotFound):
    """There is no run {key}."""

    code = "unknown_run"


@dataclass(frozen=True, slots=True)
class Run:
    """One customer's way through an automation. ``state``: waiting, exited, failed."""

    id: int
    automation_id: int
    version: int
    customer_id: int
    entry_key: str
    triggered_at: datetime
    entered_at: datetime
    step: str | None
    due_at: datetime | None
    state: str
    exit_reason: str | None
    exited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Passage:
    """What happened to a run at a step."""

    step: str
    outcome: str
    detail: dict[str, Any] | None
    at: datetime


def list_runs(
    conn: Connection,
    automation_id: int,
    *,
    state: str | None = None,
    step: str | None = None,
    customer_id: int | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Run]:
    """The automation's runs, the newest first; ``before``: the id of the last one seen."""
    rows = conn.execute(
        text(
            f"SELECT {_COLUMNS} FROM automation_run WHERE automation_id = :id"
            " AND (CAST(:state AS text) IS NULL OR state = :state)"
            " AND (CAST(:step AS text) IS NULL OR step = :step)"
            " AND (CAST(:customer AS bigint) IS NULL OR customer_id = :customer)"
            " AND (CAST(:before AS bigint) IS NULL OR id < :before)"
            " ORDER BY id DESC LIMIT :limit"
        ),
        {
            "id": automation_id,
            "state": state,
            "step": step,
            "customer": customer_id,
            "before": before,
            "limit": limit,
        },
    )
    return [Run(**row) for row in rows.mappings()]


def runs_of(conn: Connection, customer_id: int) -> list[Run]:
    """A customer's runs in all automations, the newest first."""
    rows = conn.execute(
        text(f"SELECT {_COLUMNS} FROM automation_run WHERE customer_id = :id ORDER BY id DESC"),
        {"id": customer_id},
    )
    return [Run(**row) for row in rows.mappings()]


def history(conn: Connection, run_id: int) -> tuple[Run, list[Passage]]:
    """One run and what happened to it, in order.

    Raises:
        UnknownRun.
    """
    row = (
        conn.execute(text(f"SELECT {_COLUMNS} FROM automation_run WHERE id = :id"), {"id": run_id})
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise UnknownRun(key=run_id)
    passages = conn.execute(
        text(
            "SELECT step, outcome, detail, at FROM automation_run_step WHERE run_id = :id"
            " ORDER BY at, id"
        ),
        {"id": run_id},
    )
    return Run(**row), [Passage(**each) for each in passages.mappings()]


_COLUMNS = """id, automation_id, version, customer_id, entry_key, triggered_at, entered_at, step,
    due_at, state, exit_reason, exited_at"""
