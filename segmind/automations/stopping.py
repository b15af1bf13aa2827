"""Letting everybody leave an automation that was stopped, in portions: it may hold a million."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from segmind.automations import counts

STOPPED = "stopped"
#: Runs in one portion: a fraction of a second's work, so that whoever stops it need not wait.
PORTION = 5_000


def let_leave(conn: Connection, automation_id: int, now: datetime) -> int:
    """Let a portion of the waiting runs of a stopped automation leave; returns how many.

    Runs that somebody is just moving are passed by: there will be another portion.
    """
    rows = conn.execute(
        text(
            "WITH gone AS (UPDATE automation_run SET state = 'exited', exit_reason = :stopped,"
            "  exited_at = :now, due_at = NULL, arrived_at = NULL"
            "  WHERE id IN (SELECT r.id FROM automation_run r WHERE r.automation_id = :id"
            "   AND r.state = 'waiting' ORDER BY r.id LIMIT :most FOR UPDATE SKIP LOCKED)"
            "  RETURNING id, step),"
            " noted AS (INSERT INTO automation_run_step (run_id, step, outcome, detail, at)"
            "  SELECT id, step, 'exited', jsonb_build_object('reason', CAST(:stopped AS text)),"
            "   :now FROM gone ON CONFLICT DO NOTHING)"
            " SELECT step, count(*) AS n FROM gone GROUP BY step"
        ),
        {"stopped": STOPPED, "now": now, "id": automation_id, "most": PORTION},
    ).all()
    counts.add(conn, automation_id, {(row.step, "exited"): row.n for row in rows})
    return sum(row.n for row in rows)


def unfinished(conn: Connection) -> list[int]:
    """Stopped automations in which somebody still waits."""
    rows = conn.execute(
        text(
            "SELECT a.id FROM automation a WHERE a.state = 'stopped' AND EXISTS ("
            " SELECT FROM automation_run r WHERE r.automation_id = a.id AND r.state = 'waiting')"
        )
    )
    return [row.id for row in rows]
