"""Who said yes or no, which addresses must not be used, and how often somebody was contacted."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from segmind.db.metadata import Instant, Json, metadata

#: Append-only. The present consent of a channel is its newest row (mirrored on customer).
consent_entry = Table(
    "consent_entry",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),  # 1 yes, 0 no
    Column("source", Text, nullable=False),  # form, api, import, sms_keyword, one_click, admin
    Column("evidence", Json),
    Column("actor", Text, nullable=False, server_default=""),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Index("ix_consent_entry_customer_id", "customer_id", "channel", "id"),
)

#: Keyed hashes of addresses: they outlive the customer's erasure.
suppression = Table(
    "suppression",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("channel", SmallInteger, nullable=False),
    Column("address_hash", LargeBinary, nullable=False),  # HMAC-SHA256, see consent.addresses
    Column("reason", Text, nullable=False),  # hard_bounce, complaint, unsubscribed, manual, erased
    Column("origin", Text, nullable=False, server_default=""),
    Column("at", Instant, nullable=False, server_default=func.now()),
    UniqueConstraint("channel", "address_hash"),
)

#: Marketing messages by customer, channel and calendar day in the customer's zone.
contact_count = Table(
    "contact_count",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", SmallInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("n", Integer, nullable=False, server_default="0"),
)
