"""Costs of messages added up by quarter of an hour, and messages found by when they were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the tables, which the scheduler fills, and the index."""
    op.create_table(
        "message_cost",
        sa.Column("quarter", INSTANT, nullable=False),
        sa.Column("source_kind", sa.SmallInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter", "source_kind", "source_id", "channel", "provider",
            name=op.f("pk_message_cost"),
        ),
    )  # fmt: skip
    op.create_table(
        "message_cost_until",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_message_cost_until")),
        sa.CheckConstraint("single", name=op.f("ck_message_cost_until_single")),
    )
    op.execute("INSERT INTO message_cost_until (until) VALUES ('epoch')")
    op.create_index(
        "ix_message_sent_at",
        "message",
        ["sent_at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": "32", "autosummarize": "on"},
    )


def downgrade() -> None:
    """Costs are added up from messages again."""
    op.drop_index("ix_message_sent_at", "message")
    op.drop_table("message_cost_until")
    op.drop_table("message_cost")
