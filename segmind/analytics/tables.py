"""What messages cost, added up once for days that are over."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, SmallInteger, Table, Text, text

from segmind.db.metadata import Instant, metadata

#: One row for all messages of a source that one provider took within a quarter of an hour: zones
#: differ by quarters, so that days and months of every zone are sums of these.
message_cost = Table(
    "message_cost",
    metadata,
    Column("quarter", Instant, primary_key=True),
    Column("source_kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", SmallInteger, primary_key=True, autoincrement=False),
    Column("provider", Text, primary_key=True),  # empty: not known
    Column("messages", BigInteger, nullable=False),
    Column("parts", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
)

#: Its single row says up to when ``message_cost`` holds everything.
message_cost_until = Table(
    "message_cost_until",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("until", Instant, nullable=False),  # a midnight in UTC
    CheckConstraint("single", name="single"),
)
