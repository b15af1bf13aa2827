"""Automations: counts kept with the history, waits that know their beginning, a sending lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the columns and the counts, and count what there is."""
    op.add_column("automation", sa.Column("heeded_to", INSTANT))
    op.execute("UPDATE automation SET heeded_to = scanned_to")
    op.add_column("automation_run", sa.Column("arrived_at", INSTANT))
    op.add_column("outbox_source", sa.Column("fresh_until", INSTANT))
    op.drop_index("ix_automation_run_due", "automation_run")
    op.create_index(
        "ix_automation_run_due",
        "automation_run",
        ["automation_id", "due_at", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    # The unique constraint begins with run_id too.
    op.drop_index("ix_automation_run_step_run_id", "automation_run_step")
    op.create_table(
        "automation_count",
        sa.Column("automation_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automation.id"],
            name=op.f("fk_automation_count_automation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "automation_id", "step", "outcome", name=op.f("pk_automation_count")
        ),
    )
    op.execute(_COUNT)


_COUNT = """
INSERT INTO automation_count (automation_id, step, outcome, n)
SELECT automation_id, '', 'entered', count(*) FROM automation_run GROUP BY automation_id
UNION ALL
SELECT r.automation_id, came.step, 'entered', count(*)
FROM (SELECT run_id, step FROM automation_run_step
      UNION SELECT id, step FROM automation_run WHERE state = 'waiting') AS came
JOIN automation_run r ON r.id = came.run_id GROUP BY 1, 2
UNION ALL
SELECT r.automation_id, s.step, s.outcome, count(*)
FROM automation_run_step s JOIN automation_run r ON r.id = s.run_id GROUP BY 1, 2, 3
UNION ALL
SELECT r.automation_id, s.step, 'converted', count(*)
FROM automation_run_step s JOIN automation_run r ON r.id = s.run_id
WHERE s.outcome = 'exited' AND s.detail->>'reason' = 'goal' GROUP BY 1, 2
"""


def downgrade() -> None:
    """Back to counting rows."""
    op.drop_table("automation_count")
    op.create_index("ix_automation_run_step_run_id", "automation_run_step", ["run_id"])
    op.drop_index("ix_automation_run_due", "automation_run")
    op.create_index(
        "ix_automation_run_due",
        "automation_run",
        ["due_at", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_column("outbox_source", "fresh_until")
    op.drop_column("automation_run", "arrived_at")
    op.drop_column("automation", "heeded_to")
