"""A launch stores a million recipients: without a look at the campaign for each of them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("campaign_recipient", "campaign_exclusion")


def upgrade() -> None:
    """Drop the foreign keys: campaigns that were launched are never deleted."""
    for table in TABLES:
        op.drop_constraint(f"fk_{table}_campaign_id", table, type_="foreignkey")


def downgrade() -> None:
    """Make the foreign keys again."""
    for table in TABLES:
        op.create_foreign_key(
            f"fk_{table}_campaign_id", table, "campaign", ["campaign_id"], ["id"],
            ondelete="CASCADE",
        )  # fmt: skip
