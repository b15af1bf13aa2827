"""The log's tables: recent rows, ids seen, the catalogue of sealed files, names and products."""

from __future__ import annotations

from sqlalchemy import (
    CHAR,
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from segmind.db.metadata import Instant, Json, metadata

#: Events not yet sealed. Column meanings: ``segmind.events.schema``.
event_recent = Table(
    "event_recent",
    metadata,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("event_id", UUID, nullable=False),
    Column("ts", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("session_key", BigInteger),
    Column("order_key", BigInteger),
    Column("product_id", Integer),
    Column("quantity", Integer),
    Column("value", BigInteger),
    Column("currency", CHAR(3)),
    Column("channel", SmallInteger),
    Column("message_id", BigInteger),
    Column("source_kind", SmallInteger),
    Column("source_id", BigInteger),
    Column("machine", Boolean),
    Column("properties", Text),
    # No more indexes: each would cost every event, and the tail is short.
)

#: Ids of the last days' events, so that a repeat is a no-op also after sealing (kept 8 days).
event_seen = Table(
    "event_seen",
    metadata,
    Column("event_id", UUID, primary_key=True),
    Column("seen_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_event_seen_seen_at", "seen_at", postgresql_using="brin"),
)

#: The catalogue of immutable files. A reader sees a file exactly if its row is in its snapshot.
event_file = Table(
    "event_file",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("path", Text, nullable=False, unique=True),  # relative to the lake
    Column("kind", Text, nullable=False),  # event, customer_day, order_start, ...
    Column("day", Date),  # workspace-zone day for customer_day; UTC day for event
    Column("subject_id", BigInteger),  # the segment of a member file
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("min_ts", Instant),
    Column("max_ts", Instant),
    Column("checksum", Text, nullable=False),  # blake2b-128 of the file's bytes, hex
    Column("detail", Json),  # what the kind needs besides (the mirror's xmin, a rollup's sources)
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_event_file_kind_day", "kind", "day"),
)

#: Files replaced by newer ones, removed from disk after a grace time.
event_file_retired = Table(
    "event_file_retired",
    metadata,
    Column("path", Text, primary_key=True),
    Column("retired_at", Instant, nullable=False, server_default=func.now()),
)

event_name = Table(
    "event_name",
    metadata,
    Column("code", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("first_seen_at", Instant, nullable=False, server_default=func.now()),
)

#: Product attributes are the catalogue's present ones: the last non-null value that arrived.
product = Table(
    "product",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("external_id", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("category", Text),
    Column("brand", Text),
    Column("price", BigInteger),  # minor units
    # Set while the writer of news holds a lock: the newest one is the last committed.
    Column("updated_at", Instant, nullable=False, server_default=func.clock_timestamp()),
    Index("ix_product_updated_at", "updated_at"),
)

#: One row per imported file: what went in, what was repeated, what was refused.
import_run = Table(
    "import_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("file_name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("checksum", Text, nullable=False),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("repeated", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("rejects_path", Text),
    Column("report", Json),  # reasons with counts, totals, quality figures
    Column("state", Text, nullable=False, server_default="running"),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
)
