"""Bringing a database to the newest schema with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from segmind.db.locks import lock


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every missing migration, one process at a time, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as conn:
        lock(conn, "migrate")
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
