"""Saved rules and what they matched over time."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Identity, Table, Text, func, text

from segmind.db.metadata import Instant, Json, metadata

segment = Table(
    "segment",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, unique=True),  # of a built-in: cart_abandoners ...; null: the marketer's
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("rule", Json, nullable=False),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

#: One row per refresh: the size over time. Members lie in files of kind "member" (event_file).
segment_size = Table(
    "segment_size",
    metadata,
    Column("segment_id", ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True),
    Column("as_of", Instant, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("entered", BigInteger, nullable=False, server_default="0"),
    Column("left", BigInteger, nullable=False, server_default="0"),
    Column("reach_email", BigInteger),
    Column("reach_sms", BigInteger),
    Column("reach_push", BigInteger),
    Column("rule_hash", Text, nullable=False, server_default=""),
)
