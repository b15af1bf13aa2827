"""Consent and compliance: caps in one row each, erasures, replies, double opt-in, purposes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; counters become the days that they counted."""
    op.create_table(
        "contact_book",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("days", postgresql.ARRAY(sa.Date()), server_default="{}", nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True)),
        sa.Column("before_at", sa.DateTime(timezone=True)),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("customer_id", "channel", name=op.f("pk_contact_book")),
        postgresql_with={"fillfactor": "70"},
    )
    op.execute("""
        INSERT INTO contact_book (customer_id, channel, days)
        SELECT customer_id, channel, array_agg(day ORDER BY day)
        FROM contact_count, generate_series(1, n)
        WHERE n > 0 AND day > (SELECT max(day) FROM contact_count) - 9 GROUP BY 1, 2
    """)
    op.drop_table("contact_count")
    op.add_column(
        "consent_entry",
        sa.Column("purpose", sa.Text(), server_default="marketing", nullable=False),
    )
    op.create_table(
        "opt_in_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB()),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_in_request")),
        sa.UniqueConstraint("public_id", name=op.f("uq_opt_in_request_public_id")),
    )
    op.create_index("ix_opt_in_request_customer_id", "opt_in_request", ["customer_id"])
    op.create_table(
        "reply",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger()),
        sa.Column("address", sa.Text()),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("likely_opt_out", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_reply_dedupe_key")),
    )
    op.create_index("ix_reply_open", "reply", ["id"], postgresql_where=sa.text("decision IS NULL"))
    op.create_index(
        "ix_reply_customer_id",
        "reply",
        ["customer_id"],
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_table(
        "erasure",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("passes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("files_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_erasure")),
    )
    op.create_index(
        "ix_erasure_open", "erasure", ["erased_at"], postgresql_where=sa.text("passes < 2")
    )
    # Who was erased before this version is looked for in files, too.
    op.execute("""
        INSERT INTO erasure (customer_id, erased_at)
        SELECT id, erased_at FROM customer WHERE erased_at IS NOT NULL
    """)
    op.create_table(
        "weak_bounce",
        sa.Column("channel", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "channel", "address_hash", "dedupe_key", name=op.f("pk_weak_bounce")
        ),
    )


def downgrade() -> None:
    """Back to counters."""
    op.drop_table("weak_bounce")
    op.drop_table("erasure")
    op.drop_table("reply")
    op.drop_table("opt_in_request")
    op.execute("DELETE FROM consent_entry WHERE purpose <> 'marketing'")
    op.drop_column("consent_entry", "purpose")
    op.create_table(
        "contact_count",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("n", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "channel", "day", name=op.f("pk_contact_count")),
    )
    op.execute("""
        INSERT INTO contact_count (customer_id, channel, day, n)
        SELECT customer_id, channel, day, count(*) FROM contact_book, unnest(days) AS d(day)
        GROUP BY 1, 2, 3
    """)
    op.drop_table("contact_book")
