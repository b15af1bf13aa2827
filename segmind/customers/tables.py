"""Customers: who they are, by which ids, on which devices."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

from segmind.db.metadata import Instant, Json, metadata


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8  # so that reflection knows it

#: Consent by channel: 1 yes, 0 no, null unknown. Kept here by ``segmind.consent`` from its ledger,
#: like suppression, so that an audience is one scan of columns.
customer = Table(
    "customer",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("external_id", Text),  # the shop's own id, for display; ids resolve in identity
    Column("first_name", Text),
    Column("last_name", Text),
    Column("email", Text),
    Column("phone", Text),  # E.164
    Column("push_token", Text),  # the newest device's; all of them in device
    Column("country", Text),  # ISO 3166 alpha-2, or the name as imported
    Column("city", Text),
    Column("language", Text),
    Column("timezone", Text),  # IANA
    Column("birthday", Date),
    Column("traits", Json, nullable=False, server_default=text("'{}'::jsonb")),
    Column("email_consent", SmallInteger),
    Column("sms_consent", SmallInteger),
    Column("push_consent", SmallInteger),
    Column("email_suppressed", Boolean, nullable=False, server_default=text("false")),
    Column("sms_suppressed", Boolean, nullable=False, server_default=text("false")),
    Column("push_suppressed", Boolean, nullable=False, server_default=text("false")),
    Column("is_anonymous", Boolean, nullable=False, server_default=text("false")),
    Column("erased_at", Instant),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    # The transaction that last touched the row (set by trigger): what the column mirror has not
    # seen is exactly what was touched at or after the mirror's oldest running transaction.
    Column("changed_xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    Index("ix_customer_changed_xid", "changed_xid"),
    # Prefix search in any collation. Partial: imports bring millions of whom only the id is known.
    Index(
        "ix_customer_external_id",
        "external_id",
        postgresql_ops={"external_id": "text_pattern_ops"},
    ),
    Index(
        "ix_customer_phone",
        "phone",
        postgresql_ops={"phone": "text_pattern_ops"},
        postgresql_where=text("phone IS NOT NULL"),
    ),
    Index(
        "ix_customer_email",
        func.lower(text("email")).label("lower_email"),
        postgresql_ops={"lower_email": "text_pattern_ops"},
        postgresql_where=text("email IS NOT NULL"),
    ),
    Index(
        "ix_customer_first_name",
        func.lower(text("first_name")).label("lower_first_name"),
        postgresql_ops={"lower_first_name": "text_pattern_ops"},
        postgresql_where=text("first_name IS NOT NULL"),
    ),
    Index(
        "ix_customer_last_name",
        func.lower(text("last_name")).label("lower_last_name"),
        postgresql_ops={"lower_last_name": "text_pattern_ops"},
        postgresql_where=text("last_name IS NOT NULL"),
    ),
)

TOUCH_FUNCTION = """
CREATE OR REPLACE FUNCTION customer_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_xid := pg_current_xact_id();
  RETURN NEW;
END $$
"""
TOUCH_TRIGGER = """
CREATE OR REPLACE TRIGGER customer_touched BEFORE UPDATE ON customer
FOR EACH ROW EXECUTE FUNCTION customer_touch()
"""

#: Every id by which a customer is known. namespace: user (the shop's), anonymous (the browser's).
identity = Table(
    "identity",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    # No foreign key: customers are never deleted, and the check costs a fifth of every bulk load.
    Column("customer_id", BigInteger, nullable=False),
    Column("first_seen_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_identity_customer_id", "customer_id"),
)

#: One row: how often ids were deleted (a trigger counts). Who remembers ids looks at it first.
identity_epoch = Table(
    "identity_epoch",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
)

EPOCH_FUNCTION = """
CREATE OR REPLACE FUNCTION identity_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE identity_epoch SET epoch = epoch + 1;
  RETURN NULL;
END $$
"""
EPOCH_TRIGGER = """
CREATE OR REPLACE TRIGGER identity_deleted AFTER DELETE OR TRUNCATE ON identity
FOR EACH STATEMENT EXECUTE FUNCTION identity_forgotten()
"""

#: An anonymous customer turned out to be a known one: readers of the log map from -> into.
customer_merge = Table(
    "customer_merge",
    metadata,
    Column("from_id", BigInteger, primary_key=True, autoincrement=False),
    Column("into_id", BigInteger, nullable=False),
    Column("merged_at", Instant, nullable=False, server_default=func.now()),
)

#: Erased customers of whom files may still say something. ``passes``: how often every file was
#: looked through; the second time, a day later, is for what was on its way at the first.
erasure = Table(
    "erasure",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("erased_at", Instant, nullable=False),  # real time, not the product's
    Column("passes", SmallInteger, nullable=False, server_default="0"),
    Column("files_at", Instant),  # when the last pass ended
    Index("ix_erasure_open", "erased_at", postgresql_where=text("passes < 2")),
)

device = Table(
    "device",
    metadata,
    Column("token", Text, primary_key=True),
    Column("customer_id", ForeignKey("customer.id", ondelete="CASCADE"), nullable=False),
    Column("platform", Text),  # ios, android, web
    Column("last_seen_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_device_customer_id", "customer_id"),
)
