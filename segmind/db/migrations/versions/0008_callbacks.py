"""Outbound webhooks, the status of single messages told to who sent them, finding messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from segmind.messages.tables import STATUS_FUNCTION, STATUS_TRIGGER

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add what is told, the log of statuses with its trigger, three indexes to find messages by."""
    op.create_table(
        "callback",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("public_id", postgresql.UUID(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=True),
        sa.Column("tried_at", _INSTANT, nullable=True),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_answer", sa.Text(), nullable=True),
        sa.Column("last_problem", sa.Text(), nullable=True),
        sa.Column("last_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("public_id", name=op.f("uq_callback_public_id")),
    )
    op.create_index(
        "uq_callback_dedupe_key",
        "callback",
        ["dedupe_key"],
        unique=True,
        postgresql_where=sa.text("dedupe_key IS NOT NULL"),
    )
    op.create_index(
        "ix_callback_due", "callback", ["due_at"], postgresql_where=sa.text("state = 0")
    )
    op.create_index("ix_callback_subject", "callback", ["topic", "subject_id"])
    op.create_index(
        "ix_callback_finished",
        "callback",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_table(
        "message_status_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("delivery", sa.SmallInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_status_change")),
        sa.UniqueConstraint(
            "message_id", "sequence", name=op.f("uq_message_status_change_message_id_sequence")
        ),
    )
    op.create_index(
        "ix_message_status_change_new",
        "message_status_change",
        ["id"],
        postgresql_where=sa.text("status IS NULL"),
    )
    op.add_column("message", sa.Column("status_callback", sa.Text(), nullable=True))
    op.add_column("message", sa.Column("batch_id", postgresql.UUID(), nullable=True))
    op.create_index(
        "ix_message_batch_id",
        "message",
        ["batch_id"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index("ix_message_address_hash", "message", ["address_hash", "id"])
    op.create_index(
        "ix_message_error_code",
        "message",
        ["error_code", "id"],
        postgresql_where=sa.text("error_code IS NOT NULL"),
    )
    op.execute(STATUS_FUNCTION)
    op.execute(STATUS_TRIGGER)


def downgrade() -> None:
    """Tell nobody."""
    op.execute("DROP TRIGGER message_status_changed ON message")
    op.execute("DROP FUNCTION message_status_changed()")
    for name in ("error_code", "address_hash", "batch_id"):
        op.drop_index(f"ix_message_{name}", "message")
    op.drop_column("message", "batch_id")
    op.drop_column("message", "status_callback")
    op.drop_table("message_status_change")
    op.drop_table("callback")
