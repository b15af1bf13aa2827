"""Sending at scale: limits that providers teach, codes of failed deliveries, queues kept clean."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what buckets learn and what receipts say; vacuum the inbox as often as the outbox."""
    op.add_column("send_bucket", sa.Column("learned", sa.Double(), nullable=True))
    op.add_column("send_bucket", sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("message", sa.Column("delivery_code", sa.Text(), nullable=True))
    op.create_index(
        "ix_message_filtered",
        "message",
        ["source_kind", "source_id"],
        postgresql_where=sa.text("delivery_code = '30007'"),
    )
    op.add_column(
        "webhook_inbox",
        sa.Column(
            "stored_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
    )
    op.create_index(
        "ix_webhook_inbox_smtp_id",
        "webhook_inbox",
        [sa.text("(delivery->>'smtp_id')")],
        postgresql_where=sa.text("delivery ? 'smtp_id'"),
    )
    op.execute(
        "ALTER TABLE webhook_inbox SET"
        " (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)"
    )
    # A handful of rows, written thousands of times a minute.
    op.execute(
        "ALTER TABLE send_bucket SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)"
    )


def downgrade() -> None:
    """Forget what buckets learnt and what receipts said."""
    op.execute(
        "ALTER TABLE send_bucket RESET (fillfactor, autovacuum_vacuum_scale_factor,"
        " autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay)"
    )
    op.execute(
        "ALTER TABLE webhook_inbox RESET"
        " (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay)"
    )
    op.drop_index("ix_webhook_inbox_smtp_id", "webhook_inbox")
    op.drop_column("webhook_inbox", "stored_at")
    op.drop_index("ix_message_filtered", "message")
    op.drop_column("message", "delivery_code")
    op.drop_column("send_bucket", "learned_at")
    op.drop_column("send_bucket", "learned")
