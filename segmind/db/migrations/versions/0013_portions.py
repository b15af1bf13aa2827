"""A campaign's messages are made when their turn comes, each row written once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_QUICK_VACUUM = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_cost_delay": "0",
}


def upgrade() -> None:
    """Make the portions, move into them who waits for the winner of a test, and leave in doubt what
    is under way. What is READY stays so: it is sent like any other message."""
    instant = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "recipient_portion",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("source_kind", sa.SmallInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("template_version_id", sa.BigInteger()),
        sa.Column("step", sa.Text()),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("addresses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("address_hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient_portion")),
        postgresql_with=_QUICK_VACUUM,
    )
    op.create_index(
        "ix_recipient_portion_ready",
        "recipient_portion",
        ["source_kind", "source_id", "id"],
        postgresql_where=sa.text("template_version_id IS NOT NULL"),
    )
    op.create_index(
        "ix_recipient_portion_source", "recipient_portion", ["source_kind", "source_id"]
    )
    _take_over_micro_batches()
    _take_over_who_waits()


def _take_over_micro_batches() -> None:
    op.execute(
        "UPDATE message m SET state = 5, attempt = m.attempt + 1, request_id = b.request_id,"
        " provider = b.provider, segments = g.segments, cost_micros = COALESCE(g.cost, 0),"
        " cap_day = g.day, lease_until = now(), due_at = now(), error_class = 'in_doubt',"
        " error_code = 'interrupted'"
        " FROM micro_batch b, unnest(b.message_ids, b.segments, b.costs_micros, b.cap_days)"
        " AS g(id, segments, cost, day)"
        " WHERE b.finished_at IS NULL AND m.id = g.id AND m.state = 0"
    )
    op.execute("UPDATE micro_batch SET finished_at = now() WHERE finished_at IS NULL")
    op.add_column("micro_batch", sa.Column("first_id", sa.BigInteger()))
    op.add_column("micro_batch", sa.Column("last_id", sa.BigInteger()))
    op.add_column("micro_batch", sa.Column("provider_ids", postgresql.ARRAY(sa.Text())))
    op.add_column("micro_batch", sa.Column("named_ids", postgresql.ARRAY(sa.BigInteger())))
    op.execute("UPDATE micro_batch SET first_id = 0, last_id = 0")
    op.alter_column("micro_batch", "first_id", nullable=False)
    op.alter_column("micro_batch", "last_id", nullable=False)
    for name in ("message_ids", "segments", "costs_micros", "cap_days"):
        op.drop_column("micro_batch", name)
    op.create_index(
        "ix_micro_batch_provider_ids",
        "micro_batch",
        ["provider_ids"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )


def _take_over_who_waits() -> None:
    """By five hundred; the hash of an address is made of a key that is not at hand here, so it is
    left empty, and made when they are sent."""
    op.execute(
        "INSERT INTO recipient_portion (source_kind, source_id, channel, expires_at, size,"
        " customer_ids, addresses, address_hashes)"
        " SELECT 1, campaign_id, channel, now() + interval '24 hours', count(*),"
        " array_agg(customer_id ORDER BY customer_id), array_agg(address ORDER BY customer_id), ''"
        " FROM (SELECT r.campaign_id, c.channel, r.customer_id,"
        " CASE WHEN r.address LIKE 'erased:%' THEN NULL ELSE r.address END AS address,"
        " (row_number() OVER (PARTITION BY r.campaign_id ORDER BY r.customer_id) - 1) / 500 AS part"
        " FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id) AS waiting"
        " GROUP BY campaign_id, channel, part"
    )
    op.drop_table("campaign_recipient")
    op.drop_column("campaign", "last_test_message_id")


def downgrade() -> None:
    """Put the portions' recipients back where they were, as messages or as who waits."""
    op.add_column("campaign", sa.Column("last_test_message_id", sa.BigInteger()))
    op.create_table(
        "campaign_recipient",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "customer_id", name=op.f("pk_campaign_recipient")),
    )
    left = (
        "FROM recipient_portion p CROSS JOIN LATERAL unnest(p.customer_ids, p.addresses)"
        " WITH ORDINALITY AS g(customer_id, address, n) WHERE g.n > p.taken"
    )
    op.execute(
        "INSERT INTO campaign_recipient SELECT p.source_id, g.customer_id,"
        f" COALESCE(g.address, 'erased:' || g.customer_id) {left}"
        " AND p.template_version_id IS NULL"
    )
    op.execute(
        "INSERT INTO message (public_id, source_kind, source_id, step, customer_id, channel,"
        " address, address_hash, template_version_id, due_at, expires_at, created_at)"
        " SELECT gen_random_uuid(), p.source_kind, p.source_id, p.step, g.customer_id, p.channel,"
        " g.address, substring(p.address_hashes FROM CAST(g.n AS int) * 32 - 31 FOR 32),"
        f" p.template_version_id, now(), p.expires_at, now() {left}"
        " AND p.template_version_id IS NOT NULL ON CONFLICT DO NOTHING"
    )
    op.execute(
        "UPDATE campaign c SET last_test_message_id = (SELECT max(id) FROM message m"
        " WHERE m.source_kind = 1 AND m.source_id = c.id AND m.purpose <> 'test')"
        " WHERE variant_test IS NOT NULL AND decided_at IS NULL"
    )
    op.drop_table("recipient_portion")
    op.execute(
        "UPDATE message m SET state = 5, sent_at = NULL, lease_until = now(), due_at = now(),"
        " error_class = 'in_doubt', error_code = 'interrupted'"
        " FROM micro_batch b WHERE b.finished_at IS NULL AND m.request_id = b.request_id"
        " AND m.state = 3"
    )
    op.execute("UPDATE micro_batch SET finished_at = now() WHERE finished_at IS NULL")
    op.execute(
        "UPDATE message m SET provider_id = CASE WHEN b.named_ids IS NULL THEN b.provider_ids[1]"
        " ELSE b.provider_ids[array_position(b.named_ids, m.id)] END"
        " FROM micro_batch b WHERE m.request_id = b.request_id AND m.state = 3"
        " AND m.provider_id IS NULL AND b.provider_ids IS NOT NULL"
    )
    op.drop_index("ix_micro_batch_provider_ids", "micro_batch")
    op.add_column(
        "micro_batch",
        sa.Column(
            "message_ids", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False
        ),
    )
    op.alter_column("micro_batch", "message_ids", server_default=None)
    op.add_column("micro_batch", sa.Column("segments", postgresql.ARRAY(sa.SmallInteger())))
    op.add_column("micro_batch", sa.Column("costs_micros", postgresql.ARRAY(sa.BigInteger())))
    op.add_column("micro_batch", sa.Column("cap_days", postgresql.ARRAY(sa.Date())))
    for name in ("first_id", "last_id", "provider_ids", "named_ids"):
        op.drop_column("micro_batch", name)
