"""Tests between variants of a campaign, and customers who get no marketing at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)
COLUMNS = (
    ("variant_test", JSONB()),
    ("decide_at", INSTANT),
    ("last_test_message_id", sa.BigInteger()),
    ("standing", JSONB()),
    ("winner", sa.Text()),
    ("decided_at", INSTANT),
    ("decided_by", sa.Text()),
)


def upgrade() -> None:
    """Add the plan of a test, what it found, and what each recipient was drawn for."""
    for name, kind in COLUMNS:
        op.add_column("campaign", sa.Column(name, kind))
    op.add_column("campaign_recipient", sa.Column("variant", sa.Text(), server_default=""))
    op.create_table(
        "campaign_variant",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("template_version_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_campaign_variant_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_version.id"],
            name=op.f("fk_campaign_variant_template_version_id"),
        ),
        sa.PrimaryKeyConstraint("campaign_id", "name", name=op.f("pk_campaign_variant")),
    )


def downgrade() -> None:
    """Forget the tests; who waits for a winner is sent the campaign's own content."""
    op.drop_table("campaign_variant")
    op.drop_column("campaign_recipient", "variant")
    for name, _ in reversed(COLUMNS):
        op.drop_column("campaign", name)
