"""Predictions: the models of customers' purchases, one a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the table; the first model is fitted by the scheduler."""
    op.create_table(
        "prediction_model",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("r", sa.Double(), nullable=False),
        sa.Column("alpha", sa.Double(), nullable=False),
        sa.Column("a", sa.Double(), nullable=False),
        sa.Column("b", sa.Double(), nullable=False),
        sa.Column("p", sa.Double()),
        sa.Column("q", sa.Double()),
        sa.Column("gamma", sa.Double()),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("log_likelihood", sa.Double(), nullable=False),
        sa.Column("correlation", sa.Double()),
        sa.Column(
            "fitted_at", INSTANT, server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_prediction_model")),
    )


def downgrade() -> None:
    """Back to no predictions."""
    op.drop_table("prediction_model")
