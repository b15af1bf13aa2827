"""Alembic's entry: migrations run on the connection that ``segmind.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from segmind.db.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
