"""A launch puts its audience in at once; what another index finds is in one index only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: Campaigns that were in the middle of a launch: nothing of them was sent, for the gate opens last.
HALF_LAUNCHED = (
    "audience_size IS NOT NULL AND frozen_at IS NULL AND status IN ('launching', 'paused')"
)


def upgrade() -> None:
    """Let half-done launches begin anew, as of the instant at which they began."""
    half = f"(SELECT id FROM campaign WHERE {HALF_LAUNCHED})"
    op.execute(
        f"DELETE FROM message WHERE source_kind = 1 AND source_id IN {half}"
        " AND state = 0 AND purpose <> 'test'"
    )
    op.execute(f"DELETE FROM campaign_recipient WHERE campaign_id IN {half}")
    op.drop_column("campaign_recipient", "variant")  # only those are left who wait for a winner
    op.execute(f"DELETE FROM campaign_exclusion WHERE campaign_id IN {half}")
    op.execute(f"UPDATE campaign SET audience_size = NULL, waterfall = NULL WHERE {HALF_LAUNCHED}")
    op.drop_index("ix_message_address_hash", "message")
    op.create_index(
        "ix_message_address_hash",
        "message",
        ["address_hash", "id"],
        postgresql_where=sa.text("source_kind <> 1 OR purpose = 'test'"),
    )


def downgrade() -> None:
    """Hold the addresses of all messages in the index again, and a variant of who waits."""
    op.add_column("campaign_recipient", sa.Column("variant", sa.Text(), server_default=""))
    op.execute("UPDATE campaign_recipient SET variant = NULL")
    op.drop_index("ix_message_address_hash", "message")
    op.create_index("ix_message_address_hash", "message", ["address_hash", "id"])
