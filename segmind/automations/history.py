"""Writing down what becomes of runs: where they stand, their notes, and the counts of both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind.automations.counts import CONVERTED, ENTERED, Counts
from segmind.automations.flow import GOAL, InFlight, Move, Note, standing
from segmind.db.literals import literal


def keep(conn: Connection, moves: Sequence[Move], now: datetime) -> Counts:
    """Write moves down: their notes, and where the runs stand now.

    Returns what is to be added to the counts, by whoever holds no other lock to wait for any more.
    """
    if not moves:
        return Counter()
    more = _note(conn, _in_order(moves), now)
    more.update((step, ENTERED) for move in moves for step in move.arrivals)
    conn.execute(text(_MOVE), _columns(moves) | {"now": now})
    return more


_MOVE = """
UPDATE automation_run r
SET step = COALESCE(given.step, r.step), due_at = given.due_at, arrived_at = given.arrived_at,
    state = CASE WHEN given.reason IS NULL THEN 'waiting' ELSE 'exited' END,
    exit_reason = given.reason,
    exited_at = CASE WHEN given.reason IS NULL THEN NULL ELSE CAST(:now AS timestamptz) END
FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:dues AS timestamptz[]),
            CAST(:arrivals AS timestamptz[]), CAST(:reasons AS text[]))
  AS given (id, step, due_at, arrived_at, reason)
WHERE r.id = given.id
"""


def _columns(moves: Sequence[Move]) -> dict[str, str]:
    return {
        "ids": literal([move.run.id for move in moves]),
        "steps": literal([move.step for move in moves]),
        "dues": literal([move.due_at for move in moves]),
        "arrivals": literal([move.arrived_at for move in moves]),
        "reasons": literal([move.exit_reason for move in moves]),
    }


def _in_order(moves: Iterable[Move]) -> Iterator[tuple[int, Note]]:
    """Every note with its run; leaving is the last thing that happens to one."""
    for move in moves:
        for note in sorted(move.notes, key=lambda note: note.outcome == "exited"):
            yield move.run.id, note


def _note(conn: Connection, notes: Iterable[tuple[int, Note]], now: datetime) -> Counts:
    """Add notes; one that a run has already is brought up to date. Returns what is new."""
    rows = list(notes)
    if not rows:
        return Counter()
    new = conn.execute(
        text(_NOTE),
        {
            "ids": literal([run_id for run_id, _ in rows]),
            "steps": literal([note.step for _, note in rows]),
            "outcomes": literal([note.outcome for _, note in rows]),
            "details": literal([_as_json(note.detail) for _, note in rows]),
            "now": now,
            "goal": GOAL,
        },
    )
    found: Counts = Counter()
    for row in new:
        found[row.step, row.outcome] += row.n
        found[row.step, CONVERTED] += row.converted
    return found


_NOTE = """
WITH put AS (
  INSERT INTO automation_run_step (run_id, step, outcome, detail, at)
  SELECT run_id, step, outcome, CAST(detail AS jsonb), :now
  FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]),
              CAST(:outcomes AS text[]), CAST(:details AS text[]))
    AS given (run_id, step, outcome, detail)
  ON CONFLICT (run_id, step, outcome) DO UPDATE SET at = excluded.at, detail = excluded.detail
  RETURNING step, outcome, detail->>'reason' AS reason, xmax = 0 AS is_new)
SELECT step, outcome, count(*) AS n,
       count(*) FILTER (WHERE outcome = 'exited' AND reason = :goal) AS converted
FROM put WHERE is_new GROUP BY step, outcome
"""


def let_go(
    conn: Connection, runs: Sequence[InFlight], reasons: Mapping[int, str], now: datetime
) -> Counts:
    """Let those of the waiting runs leave that have a reason; returns what ``keep`` does."""
    leaving = []
    for run in runs:
        if run.id in reasons:
            move = standing(run)
            move.leave(run.step, reasons[run.id])
            leaving.append(move)
    return keep(conn, leaving, now)


def fail(conn: Connection, runs: Sequence[InFlight], sentence: str, now: datetime) -> Counts:
    """These runs cannot go on; they stay where they are, and say why."""
    detail = {"error": sentence}
    more = _note(conn, [(run.id, Note(run.step, "failed", detail)) for run in runs], now)
    conn.execute(
        text(
            "UPDATE automation_run SET state = 'failed', exit_reason = :sentence, exited_at = :now,"
            " due_at = NULL WHERE id = ANY(CAST(:ids AS bigint[]))"
        ),
        {"ids": literal([run.id for run in runs]), "sentence": sentence, "now": now},
    )
    return more


def _as_json(values: Mapping[str, Any] | None) -> str | None:
    return json.dumps(values, ensure_ascii=False, default=str) if values else None
