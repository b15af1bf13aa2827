"""Campaigns: a one-off send to one audience."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
)

from segmind.db.metadata import Instant, Json, metadata

campaign = Table(
    "campaign",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("segment_id", ForeignKey("segment.id")),
    Column("exclude_segment_ids", Json),  # list of segment ids whose members are left out
    Column("content", Json),  # templates.template.Draft as JSON, while it may still change
    Column("template_version_id", ForeignKey("template_version.id")),  # frozen at launch
    Column("holdout_percent", Numeric(5, 2), nullable=False, server_default="5"),
    Column("variant_test", Json),  # campaigns.variant_test.VariantTest as JSON; null: none
    Column("decide_at", Instant),  # when the test is over; set with frozen_at
    Column("standing", Json),  # what the test had found when it was judged, as JSON
    Column("winner", Text),  # the variant that the rest is sent
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("status", Text, nullable=False, server_default="draft"),  # campaigns.lifecycle.Status
    Column("problem", Text),  # why it was missed or paused by itself
    Column("scheduled_at", Instant),
    Column("launched_at", Instant),
    Column("audience_as_of", Instant),
    Column("frozen_at", Instant),  # the whole audience is in the outbox
    Column("finished_at", Instant),
    Column("waterfall", Json),  # audiences' waterfall as JSON, frozen at launch
    Column("audience_size", BigInteger),  # recipients, frozen at launch
    Column("rate_per_second", Integer),  # null: the provider's limit
    Column("idempotency_key", Text, unique=True),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

#: A start happens once, whatever the number of schedulers.
campaign_run = Table(
    "campaign_run",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True),
    Column("run_at", Instant, primary_key=True),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
)

#: The contents of a test, frozen at the launch; the control among them.
campaign_variant = Table(
    "campaign_variant",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("template_version_id", ForeignKey("template_version.id"), nullable=False),
)

#: Who of the segment gets no message, each with the one reason that comes first. No foreign key:
#: launched campaigns are never deleted, and the check costs as much as the row.
campaign_exclusion = Table(
    "campaign_exclusion",
    metadata,
    Column("campaign_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),  # audiences.audience.Reason; "holdout" among them
)
