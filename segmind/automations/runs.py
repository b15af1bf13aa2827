"""Looking back on runs: who is where, what happened to one customer, how many passed each step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind.automations.automation import get
from segmind.automations.walk import GOAL
from segmind.errors import NotFound
from segmind.events.schema import Source


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


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Runs at one step. ``entered`` came to it; ``waiting`` are there now; ``passed`` went on;
    ``sent`` and ``skipped`` are of send steps; ``exited`` left here (``converted``: for the goal).
    """

    step: str
    entered: int = 0
    waiting: int = 0
    passed: int = 0
    sent: int = 0
    skipped: int = 0
    yes: int = 0
    no: int = 0
    exited: int = 0
    converted: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """All runs of an automation. ``entered`` = ``waiting`` + ``exited`` + ``failed``;
    ``converted`` are those of the exited who reached the goal."""

    entered: int
    waiting: int
    exited: int
    converted: int
    failed: int
    messages: int


def totals(conn: Connection, automation_id: int) -> Totals:
    """The automation's runs and messages in numbers.

    Raises:
        UnknownAutomation.
    """
    get(conn, automation_id)
    row = conn.execute(
        text(
            "SELECT count(*) AS entered, count(*) FILTER (WHERE state = 'waiting') AS waiting,"
            " count(*) FILTER (WHERE state = 'exited') AS exited,"
            " count(*) FILTER (WHERE state = 'exited' AND exit_reason = :goal) AS converted,"
            " count(*) FILTER (WHERE state = 'failed') AS failed,"
            " (SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
            "  AND purpose <> 'test') AS messages"
            " FROM automation_run WHERE automation_id = :id"
        ),
        {"id": automation_id, "goal": GOAL, "kind": int(Source.AUTOMATION)},
    ).one()
    return Totals(**row._mapping)


def by_step(conn: Connection, automation_id: int) -> list[StepCounts]:
    """Counts for every step of the present version, in its order; runs of all versions count.

    Raises:
        UnknownAutomation.
    """
    definition = get(conn, automation_id).definition
    rows = conn.execute(text(_BY_STEP), {"id": automation_id, "goal": GOAL}).mappings()
    found = {row["step"]: StepCounts(**row) for row in rows}
    return [found.get(step.id, StepCounts(step.id)) for step in definition.steps]


#: A run that waits at a step it has not passed yet has no note there (or only "waited").
_BY_STEP = """
WITH here AS (
  SELECT id, step FROM automation_run
  WHERE automation_id = :id AND state = 'waiting'),
noted AS (
  SELECT s.run_id, s.step, s.outcome, s.detail->>'reason' AS reason
  FROM automation_run_step s JOIN automation_run r ON r.id = s.run_id
  WHERE r.automation_id = :id),
came AS (
  SELECT id AS run_id, step FROM here
  UNION SELECT run_id, step FROM noted)
SELECT came.step,
       count(DISTINCT came.run_id) AS entered,
       count(DISTINCT here.id) AS waiting,
       count(DISTINCT n.run_id) FILTER (
         WHERE n.outcome IN ('passed', 'yes', 'no', 'sent', 'skipped')) AS passed,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'sent') AS sent,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'skipped') AS skipped,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'yes') AS yes,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'no') AS no,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'exited') AS exited,
       count(DISTINCT n.run_id) FILTER (
         WHERE n.outcome = 'exited' AND n.reason = :goal) AS converted,
       count(DISTINCT n.run_id) FILTER (WHERE n.outcome = 'failed') AS failed
FROM came
LEFT JOIN noted n ON n.run_id = came.run_id AND n.step = came.step
LEFT JOIN here ON here.id = came.run_id AND here.step = came.step
GROUP BY came.step
"""


def list_runs(
    conn: Connection,
    automation_id: int,
    *,
    state: str | None = None,
    step: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Run]:
    """The automation's runs, the newest first; ``before``: the id of the last one seen."""
    rows = conn.execute(
        text(
            f"SELECT {_COLUMNS} FROM automation_run WHERE automation_id = :id"
            " AND (CAST(:state AS text) IS NULL OR state = :state)"
            " AND (CAST(:step AS text) IS NULL OR step = :step)"
            " AND (CAST(:before AS bigint) IS NULL OR id < :before)"
            " ORDER BY id DESC LIMIT :limit"
        ),
        {"id": automation_id, "state": state, "step": step, "before": before, "limit": limit},
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
