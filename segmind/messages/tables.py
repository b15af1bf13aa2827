"""The outbox: one durable row per message, its attempts, the receipts' inbox and the links."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
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

#: What sends: a campaign, an automation, single messages. One flag pauses or cancels all of it.
outbox_source = Table(
    "outbox_source",
    metadata,
    Column("source_kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False, server_default="open"),  # open, paused, cancelled
    Column("reason", Text, nullable=False, server_default=""),
    Column("rate_per_second", Integer),  # null: the provider's limit
    Column("fresh_until", Instant),  # messages.sources.IS_OPEN
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("public_id", UUID, nullable=False, unique=True),  # messages.public_ids
    Column("source_kind", SmallInteger, nullable=False),  # events.schema.Source
    Column("source_id", BigInteger, nullable=False),  # single messages: 0
    Column("run_id", BigInteger),  # automation run
    Column("step", Text),  # step of the automation, variant of the campaign
    Column("idempotency_key", Text),
    Column("request_hash", LargeBinary),  # what the key was used for: another body is a conflict
    Column("purpose", Text, nullable=False, server_default="marketing"),  # or transactional, test
    Column("customer_id", BigInteger),
    Column("channel", SmallInteger, nullable=False),
    Column("address", Text),  # null after erasure
    Column("address_hash", LargeBinary, nullable=False),
    # No foreign key: versions are never deleted, and the check costs a tenth of every insert.
    Column("template_version_id", BigInteger, nullable=False),
    Column("vars", Json),  # values beside the customer's own (cart, order, caller's variables)
    Column("state", SmallInteger, nullable=False, server_default="0"),  # messages.lifecycle.State
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("claim_token", UUID),
    Column("request_id", UUID),
    Column("provider", Text),
    Column("provider_id", Text),
    Column("error_class", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("skip_reason", Text),
    Column("cap_day", Date),  # the contact reserved in contact_book; null: none
    # Delivery state is kept apart from engagement.
    Column("delivery", SmallInteger, nullable=False, server_default="0"),  # lifecycle.Delivery
    Column("delivery_code", Text),  # the provider's code of a bounce or failure (least of several)
    Column("segments", SmallInteger),  # SMS parts
    Column("cost_micros", BigInteger),  # millionths of the currency unit
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("opened_at", Instant),  # first human open
    Column("clicked_at", Instant),  # first human click
    Column("unsubscribed_at", Instant),
    Column("complained_at", Instant),
    Column("opens", Integer, nullable=False, server_default="0"),
    Column("clicks", Integer, nullable=False, server_default="0"),
    Column("machine_opens", Integer, nullable=False, server_default="0"),
    Column("machine_clicks", Integer, nullable=False, server_default="0"),
    # Who asked for this one message: where to tell its status, what was asked for together.
    Column("status_callback", Text),
    Column("batch_id", UUID),
    Index(
        "uq_message_campaign_address",
        "source_id",
        "channel",
        "address_hash",
        unique=True,
        postgresql_where=text("source_kind = 1 AND purpose <> 'test'"),
    ),
    Index(
        "uq_message_run_step",
        "run_id",
        "step",
        unique=True,
        postgresql_where=text("run_id IS NOT NULL"),
    ),
    Index(
        "uq_message_idempotency_key",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    # The watermark lane: a claim walks ids upward and never meets what it has passed.
    Index("ix_message_ready", "source_kind", "source_id", "id", postgresql_where=text("state = 0")),
    Index("ix_message_retry", "due_at", "id", postgresql_where=text("state = 4")),
    Index("ix_message_lease", "lease_until", postgresql_where=text("state IN (1, 2)")),
    Index("ix_message_doubt", "source_kind", "source_id", postgresql_where=text("state = 5")),
    Index("ix_message_source", "source_kind", "source_id", "state"),
    Index(
        "ix_message_complained",
        "source_kind",
        "source_id",
        postgresql_where=text("complained_at IS NOT NULL"),
    ),
    Index(
        "ix_message_filtered",
        "source_kind",
        "source_id",
        postgresql_where=text("delivery_code = '30007'"),
    ),
    Index("ix_message_customer_id", "customer_id", "id"),
    Index(
        "ix_message_provider_id",
        "provider",
        "provider_id",
        postgresql_where=text("provider_id IS NOT NULL"),
    ),
    Index(
        "ix_message_batch_id",
        "batch_id",
        postgresql_where=text("batch_id IS NOT NULL"),
    ),
    # Those of campaigns are found by uq_message_campaign_address, campaign by campaign.
    Index(
        "ix_message_address_hash",
        "address_hash",
        "id",
        postgresql_where=text("source_kind <> 1 OR purpose = 'test'"),
    ),
    # Rows lie about in the order in which they were sent: what is newer than an instant is found
    # by a thousandth of an ordinary index's size and upkeep.
    Index(
        "ix_message_sent_at",
        "sent_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": "32", "autosummarize": "on"},
    ),
    Index(
        "ix_message_error_code",
        "error_code",
        "id",
        postgresql_where=text("error_code IS NOT NULL"),
    ),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": "0.01",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

#: What happened to the messages whose sender wants to be told, in order; written by a trigger, so
#: that no way of changing a message can forget it. The others cost one comparison.
message_status_change = Table(
    "message_status_change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("message_id", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),  # 1, 2, ... for each message
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("state", SmallInteger, nullable=False),
    Column("delivery", SmallInteger, nullable=False),
    Column("error_code", Text),
    Column("status", Text),  # the word, once noticed (messages.told)
    UniqueConstraint("message_id", "sequence"),
    Index("ix_message_status_change_new", "id", postgresql_where=text("status IS NULL")),
)

STATUS_FUNCTION = """
CREATE FUNCTION message_status_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_status_change (message_id, sequence, state, delivery, error_code)
    SELECT NEW.id, COALESCE(max(sequence), 0) + 1, NEW.state, NEW.delivery, NEW.error_code
    FROM message_status_change WHERE message_id = NEW.id;
    RETURN NULL;
END $$
"""
STATUS_TRIGGER = """
CREATE TRIGGER message_status_changed AFTER UPDATE OF state, delivery ON message FOR EACH ROW
WHEN (NEW.status_callback IS NOT NULL
      AND (OLD.state <> NEW.state OR OLD.delivery <> NEW.delivery))
EXECUTE FUNCTION message_status_changed()
"""

#: Append-only: every call that was made for a message.
attempt = Table(
    "attempt",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("message_id", BigInteger, nullable=False, index=True),
    Column("n", SmallInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Text, nullable=False),  # accepted, retry, in_doubt, failed
    Column("http_status", Integer),
    Column("code", Text),
    Column("detail", Text),
    Column("provider_id", Text),
)

#: A campaign's frozen audience in portions of some hundred recipients, until their turn comes: then
#: messages are made of them (messages.portions). The lists run side by side; the first ``taken`` of
#: them have become messages, and a portion that is used up is gone.
recipient_portion = Table(
    "recipient_portion",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source_kind", SmallInteger, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("template_version_id", BigInteger),  # null: they wait for the winner of a test
    Column("step", Text),  # variant of the campaign
    Column("expires_at", Instant, nullable=False),
    Column("size", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    Column("customer_ids", ARRAY(BigInteger), nullable=False),
    Column("addresses", ARRAY(Text), nullable=False),  # null in it: erased
    Column("address_hashes", LargeBinary, nullable=False),  # 32 bytes each
    Index(
        "ix_recipient_portion_ready",
        "source_kind",
        "source_id",
        "id",
        postgresql_where=text("template_version_id IS NOT NULL"),
    ),
    Index("ix_recipient_portion_source", "source_kind", "source_id"),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": "0.01",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

#: Campaign messages on their way to a provider, a row for each call (messages.micro_batches): while
#: it is open its messages are DISPATCHING, whatever their own rows say. They are the rows with its
#: ``request_id`` among the ids from ``first_id`` to ``last_id``.
micro_batch = Table(
    "micro_batch",
    metadata,
    Column("request_id", UUID, primary_key=True),
    Column("source_kind", SmallInteger, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),  # database's clock
    Column("finished_at", Instant),  # null: open
    Column("accepted", Integer, nullable=False, server_default="0"),  # they have no attempt row
    # What the provider calls what it accepted: one name for all of it, or one for each of
    # ``named_ids``, side by side.
    Column("provider_ids", ARRAY(Text)),
    Column("named_ids", ARRAY(BigInteger)),
    Index("ix_micro_batch_open", "lease_until", postgresql_where=text("finished_at IS NULL")),
    Index("ix_micro_batch_source", "source_kind", "source_id", "finished_at"),
    Index(
        "ix_micro_batch_provider_ids",
        "provider_ids",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},  # nobody waits for a list of pending entries
    ),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": "0.01",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

#: Receipts as they came: verified, stored, answered; reduced afterwards.
webhook_inbox = Table(
    "webhook_inbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("dedupe_key", Text, nullable=False),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Column("stored_at", Instant, nullable=False, server_default=func.now()),  # database's clock
    Column("delivery", Json, nullable=False),  # channels.delivery.Delivery as JSON
    Column("processed_at", Instant),
    Column("outcome", Text),  # messages.reduce.Applied
    Column("message_id", BigInteger),  # set when reduced
    UniqueConstraint("provider", "dedupe_key"),
    # Some reports name their message only by the mail server's id, which others name beside ours.
    Index(
        "ix_webhook_inbox_smtp_id",
        text("(delivery->>'smtp_id')"),
        postgresql_where=text("delivery ? 'smtp_id'"),
    ),
    Index("ix_webhook_inbox_open", "id", postgresql_where=text("processed_at IS NULL")),
    Index(
        "ix_webhook_inbox_message_id",
        "message_id",
        postgresql_where=text("message_id IS NOT NULL"),
    ),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": "0.01",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

#: Where a tracked link leads. The address is stored here, never in the link.
link = Table(
    "link",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("template_version_id", ForeignKey("template_version.id"), nullable=False),
    Column("url", Text, nullable=False),
    UniqueConstraint("template_version_id", "url"),
)

#: The sandbox carrier's own book: what it took (written before it says so, in a transaction of its
#: own) and still has to report. A message handed over twice shows as ``times`` 2.
sandbox_parcel = Table(
    "sandbox_parcel",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("message_public_id", UUID, nullable=False, unique=True),
    Column("provider_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("accepted_at", Instant, nullable=False, server_default=func.now()),
    Column("reported_until", Instant),  # reports up to here were posted; null: none yet
    Column("next_at", Instant, server_default=func.now()),  # null: everything was reported
    Index("ix_sandbox_parcel_open", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)

#: Token buckets: how many sends are left just now, by name (``provider:twilio``, ``source:1:7``).
send_bucket = Table(
    "send_bucket",
    metadata,
    Column("name", Text, primary_key=True),
    Column("tokens", Double, nullable=False),
    Column("filled_at", Instant, nullable=False),
    # What the provider's "too many" taught: sends per second, growing since ``learned_at``.
    Column("learned", Double),
    Column("learned_at", Instant),
    # A handful of rows, written thousands of times a minute.
    postgresql_with={
        "fillfactor": "20",
        "autovacuum_vacuum_scale_factor": "0",
        "autovacuum_vacuum_threshold": "1000",
        "autovacuum_vacuum_cost_delay": "0",
    },
)
