"""What is written, in versions that never change once used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Identity, Table, Text, func, text

from segmind.db.metadata import Instant, Json, metadata

template = Table(
    "template",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("channel", Text, nullable=False),  # email, sms, push
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)

#: Immutable. template_id is null for what was written inside a campaign or a single message.
template_version = Table(
    "template_version",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("template_id", ForeignKey("template.id", ondelete="CASCADE"), index=True),
    Column("channel", Text, nullable=False),
    Column("body", Json, nullable=False),  # segmind.templates.template.Draft as JSON
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)
