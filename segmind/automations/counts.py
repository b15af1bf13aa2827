"""How many came to each step and what became of them: sums that are kept with the history.

Whoever writes a note writes its count in the same transaction, as the last thing: the counts of a
popular step are rows that every writer wants, and they are held only until the commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, text

ENTERED = "entered"
CONVERTED = "converted"
#: The step that stands for the automation as a whole.
WHOLE = ""

#: By (step, outcome): how many more.
Counts = Counter[tuple[str, str]]


def add(conn: Connection, automation_id: int, more: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts of an automation, always in the same order so that writers queue up."""
    given = sorted((step, outcome, n) for (step, outcome), n in more.items() if n)
    if not given:
        return
    conn.execute(
        text(
            "INSERT INTO automation_count AS c (automation_id, step, outcome, n)"
            " SELECT :id, step, outcome, n FROM unnest(CAST(:steps AS text[]),"
            "  CAST(:outcomes AS text[]), CAST(:ns AS bigint[])) AS g (step, outcome, n)"
            " ORDER BY step, outcome"
            " ON CONFLICT (automation_id, step, outcome) DO UPDATE SET n = c.n + excluded.n"
        ),
        {
            "id": automation_id,
            "steps": [step for step, _, _ in given],
            "outcomes": [outcome for _, outcome, _ in given],
            "ns": [n for _, _, n in given],
        },
    )


def of(conn: Connection, automation_id: int) -> Counts:
    """The counts of one automation."""
    rows = conn.execute(
        text("SELECT step, outcome, n FROM automation_count WHERE automation_id = :id"),
        {"id": automation_id},
    )
    return Counter({(row.step, row.outcome): row.n for row in rows})


def recount(conn: Connection, automation_id: int) -> None:
    """Make the counts anew from runs and history, after these were loaded in bulk."""
    conn.execute(
        text("DELETE FROM automation_count WHERE automation_id = :id"), {"id": automation_id}
    )
    conn.execute(text(_RECOUNT), {"id": automation_id})


_RECOUNT = """
INSERT INTO automation_count (automation_id, step, outcome, n)
WITH noted AS (
  SELECT s.run_id, s.step, s.outcome, s.detail->>'reason' AS reason
  FROM automation_run_step s JOIN automation_run r ON r.id = s.run_id
  WHERE r.automation_id = :id),
came AS (
  SELECT run_id, step FROM noted
  UNION SELECT id, step FROM automation_run WHERE automation_id = :id AND state = 'waiting')
SELECT :id, '', 'entered', count(*) FROM automation_run WHERE automation_id = :id
UNION ALL SELECT :id, step, 'entered', count(*) FROM came GROUP BY step
UNION ALL SELECT :id, step, outcome, count(*) FROM noted GROUP BY step, outcome
UNION ALL SELECT :id, step, 'converted', count(*) FROM noted
  WHERE outcome = 'exited' AND reason = 'goal' GROUP BY step
"""
