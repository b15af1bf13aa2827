"""Campaign messages are marked by the call, not one by one: half of what a message cost is gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of calls under way; what was tried before is RETRY from now on, so that READY
    says of a message that no call was ever made for it."""
    instant = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "micro_batch",
        sa.Column("request_id", sa.UUID(), nullable=False),
        sa.Column("source_kind", sa.SmallInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("message_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("segments", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("costs_micros", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("cap_days", postgresql.ARRAY(sa.Date()), nullable=True),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("lease_until", instant, nullable=False),
        sa.Column("finished_at", instant, nullable=True),
        sa.Column("accepted", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_micro_batch")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": "0.01",
            "autovacuum_vacuum_cost_delay": "0",
        },
    )
    op.create_index(
        "ix_micro_batch_open",
        "micro_batch",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "ix_micro_batch_source",
        "micro_batch",
        ["source_kind", "source_id", "finished_at"],
        unique=False,
    )
    op.execute("UPDATE message SET state = 4 WHERE state = 0 AND attempt > 0")


def downgrade() -> None:
    """Leave in doubt what is under way, and drop the table."""
    op.execute(
        "UPDATE message m SET state = 5, attempt = m.attempt + 1, request_id = b.request_id,"
        " provider = b.provider, lease_until = now(), error_class = 'in_doubt',"
        " error_code = 'interrupted'"
        " FROM micro_batch b WHERE b.finished_at IS NULL AND m.id = ANY(b.message_ids)"
        " AND m.state = 0"
    )
    op.drop_table("micro_batch")
