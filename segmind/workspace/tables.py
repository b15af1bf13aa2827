"""Who works here, how it is set up, and what was done."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from segmind.db.metadata import Instant, Json, metadata

#: Product settings: one row per key (see ``product_settings.ProductSettings``).
setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Json),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

#: Provider credentials, encrypted with the installation's key; write-only in the UI.
credential = Table(
    "credential",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

member = Table(
    "member",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False),  # owner, admin, marketer, analyst, viewer
    Column("password_hash", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256 of the cookie's secret
    Column("member_id", ForeignKey("member.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("expires_at", Instant, nullable=False),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("subject", Text, nullable=False),  # keyed hash of address and account
    Column("at", Instant, nullable=False, server_default=func.now()),
    Index("ix_sign_in_attempt_subject_at", "subject", "at"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),  # SHA-256: the secret has 256 random bits
    Column("last4", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),  # member e-mail, key id, "scheduler", "open workspace"
    Column("action", Text, nullable=False),  # campaign.launch, segment.update ...
    Column("subject", Text, nullable=False, server_default=""),
    Column("detail", Json),
)
