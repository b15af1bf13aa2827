"""Who said yes or no, which addresses must not be used, and how often somebody was contacted."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from segmind.db.metadata import Instant, Json, metadata

#: Append-only. The present consent of a channel is its newest row (mirrored on customer).
consent_entry = Table(
    "consent_entry",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),  # 1 yes, 0 no
    # marketing is what the gate asks for; the shop may keep others (a topic) for its own use
    Column("purpose", Text, nullable=False, server_default="marketing"),
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

#: Marketing contacts of a customer on a channel: the calendar days (in the customer's zone, with
#: repeats) of the last week's, the instant of the latest, and of the one before it.
contact_book = Table(
    "contact_book",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", SmallInteger, primary_key=True, autoincrement=False),
    Column("days", ARRAY(Date), nullable=False, server_default="{}"),
    Column("last_at", Instant),
    Column("before_at", Instant),
    Column("paused_until", Instant),  # the customer's own wish
    # Rows are rewritten in place (no index holds what changes), if their page has room.
    postgresql_with={"fillfactor": "70"},
)

#: Double opt-in: somebody gave an address; the yes counts once a click on our link confirms it.
opt_in_request = Table(
    "opt_in_request",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("public_id", UUID, nullable=False, unique=True),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("channel", SmallInteger, nullable=False),
    Column("address_hash", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("evidence", Json),
    Column("actor", Text, nullable=False, server_default=""),
    Column("requested_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
)

#: What customers wrote back that is no keyword: a person decides whether it is a no.
reply = Table(
    "reply",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("dedupe_key", Text, nullable=False, unique=True),
    Column("channel", SmallInteger, nullable=False),
    Column("customer_id", BigInteger),
    Column("address", Text),  # null after erasure
    Column("address_hash", LargeBinary, nullable=False),
    Column("text", Text),  # null after erasure
    Column("likely_opt_out", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", Instant, nullable=False),
    Column("decision", Text),  # opted_out, dismissed; null: waits
    Column("decided_by", Text),
    Column("decided_at", Instant),
    Index("ix_reply_open", "id", postgresql_where=text("decision IS NULL")),
    Index("ix_reply_customer_id", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
)

#: Failures that suppress an address only when they repeat (``consent.weak_bounces``).
weak_bounce = Table(
    "weak_bounce",
    metadata,
    Column("channel", SmallInteger, primary_key=True, autoincrement=False),
    Column("address_hash", LargeBinary, primary_key=True),
    Column("dedupe_key", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=""),  # what sent the message: "1:7"
    Column("at", Instant, nullable=False),
)
