"""What is to be told to whom, and how telling it went."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from segmind.db.metadata import Instant, metadata

#: One row per thing to tell; its ``public_id`` is the same in every try.
callback = Table(
    "callback",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("public_id", UUID, nullable=False, unique=True),
    Column("topic", Text, nullable=False),  # message.status, automation.step
    Column("subject_id", BigInteger),  # the message, the automation's run
    Column("sequence", Integer),  # its place among what the same subject has to tell
    Column("dedupe_key", Text),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("body", Text, nullable=False),  # the very bytes that are signed and posted
    Column("state", SmallInteger, nullable=False, server_default="0"),  # callbacks.state.State
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("tried_at", Instant),
    Column("finished_at", Instant),
    Column("last_status", Integer),  # null: no answer came
    Column("last_answer", Text),  # its beginning
    Column("last_problem", Text),  # a sentence; null: it went well
    Column("last_ms", Integer),
    Index(
        "uq_callback_dedupe_key",
        "dedupe_key",
        unique=True,
        postgresql_where=text("dedupe_key IS NOT NULL"),
    ),
    Index("ix_callback_due", "due_at", postgresql_where=text("state = 0")),
    Index("ix_callback_subject", "topic", "subject_id"),
    Index("ix_callback_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)
